"""A running service, and commands run against it as a person would type them."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.settings import Address
from tests.edges.grpc.conftest import running
from tests.edges.grpc.memory import MemoryEngine

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Live:
    """The service: its engine and where it is."""

    engine: MemoryEngine
    address: Address


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """A service in a thread of its own, so that commands can wait for it."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Live] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with running(MemoryEngine()) as service:
            found.append(Live(service.engine, service.address))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


Attune = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def attune() -> Attune:
    """Runs `attune` with the arguments given."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "engine", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "160"} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
