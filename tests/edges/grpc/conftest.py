"""A real server on a free loopback port, by either transport, over the engine in memory; a client's channel."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest

from engine.edges.grpc.server import serving
from engine.rulebook.diagnostics import Diagnostic, Severity
from engine.settings import Address, Settings
from engine.telemetry import Metrics
from tests.edges.grpc.memory import NOW, MemoryEngine


async def check_files(files: Mapping[str, str]) -> Sequence[Diagnostic]:
    """Finds one mistake in every file that says so."""
    return [
        Diagnostic(path, 1, 1, "a mistake", Severity.ERROR)
        for path, text in files.items()
        if "mistake" in text
    ]


@dataclass(frozen=True)
class Service:
    """One running service and how to reach it."""

    engine: MemoryEngine
    address: Address
    channel: grpc.aio.Channel
    metrics: Metrics
    closing: asyncio.Event


@pytest.fixture(params=["grpcio", "http2"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What speaks HTTP/2, here and in processes started meanwhile: all must hold with either."""
    chosen: str = request.param
    monkeypatch.setenv("ATTUNE_TRANSPORT", chosen)
    return chosen


@asynccontextmanager
async def running(engine: MemoryEngine, **chosen: object) -> AsyncIterator[Service]:
    transport = os.environ.get("ATTUNE_TRANSPORT", "http2")
    listen = {"listen": Address("127.0.0.1", 0)}
    settings = Settings.of({}, transport=transport, **(listen | chosen))
    metrics, closing = Metrics(), asyncio.Event()
    async with (
        serving(
            engine, settings, metrics, check=check_files, closing=closing, now=lambda: NOW
        ) as address,
        grpc.aio.insecure_channel(str(address)) as channel,
    ):
        yield Service(engine, address, channel, metrics, closing)


@pytest.fixture
async def service(transport: str) -> AsyncIterator[Service]:
    async with running(MemoryEngine()) as running_service:
        yield running_service
