"""A service on the telecom rule book that keeps what it is sent in memory."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from engine.rulebook.load import load
from tests.cli.conftest import Attune, Live, attune
from tests.edges.grpc.conftest import running
from tests.edges.grpc.memory import MemoryEngine

__all__ = ["Attune", "Live", "attune", "channel", "telecom"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def telecom() -> Iterator[Live]:
    """In a thread of its own, so that commands and blocking calls can wait for it."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Live] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        book = load(ROOT / "rules" / "telecom").book
        async with running(MemoryEngine(book)) as service:
            found.append(Live(service.engine, service.address))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def channel(telecom: Live) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(str(telecom.address)) as opened:
        yield opened
