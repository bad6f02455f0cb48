"""The server: all services wired once, started, and brought to an orderly end."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import grpc
import structlog

from engine.edges.grpc import customers, decisions, events, health, reflection, rulebooks
from engine.edges.grpc.admission import Admissions
from engine.edges.grpc.checking import check_files
from engine.edges.grpc.gate import Gate, Handler
from engine.edges.grpc.port import Engine, OpenEngine
from engine.errors import InvalidInput, Violation
from engine.model import Micros
from engine.rulebook.book import RuleBook
from engine.settings import Address, Settings
from engine.telemetry import Meter, Metrics, exposed

_SERVICES: Final = (
    decisions.SERVICE,
    events.SERVICE,
    customers.SERVICE,
    rulebooks.SERVICE,
    health.SERVICE,
)

_log = structlog.get_logger(__name__)


class Service(Protocol):
    """What is registered under a service's name."""

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name."""


@asynccontextmanager
async def serving(
    engine: Engine,
    settings: Settings,
    meter: Meter,
    *,
    check: rulebooks.CheckFiles = check_files,
    closing: asyncio.Event,
    now: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Address]:
    """Serves the engine; yields where. At the end calls in flight have `settings.grace` to finish.

    Raises:
        InvalidInput: the address cannot be listened on, or the certificate cannot be read.
    """
    gate = Gate(meter)
    admissions = Admissions(engine)
    server = grpc.aio.server(options=_options(settings))
    services: Mapping[str, Service] = {
        decisions.SERVICE: decisions.Decisions(
            engine, admissions, settings, gate, meter, clock, closing
        ),
        events.SERVICE: events.Events(engine, admissions, settings, gate, meter, now),
        customers.SERVICE: customers.Customers(engine, admissions, gate, now),
        rulebooks.SERVICE: rulebooks.RuleBooks(engine, gate, check),
        health.SERVICE: health.Health(_SERVICES, gate, closing),
        reflection.SERVICE: reflection.Reflection(_SERVICES, gate),
    }
    for name, service in services.items():
        server.add_registered_method_handlers(name, service.handlers())
    address = _listen(server, settings)
    await server.start()
    try:
        yield address
    finally:
        closing.set()
        await server.stop(settings.grace)


async def serve(
    settings: Settings,
    open_engine: OpenEngine,
    announce: Callable[[str], object],
) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order; a second signal ends at once.

    `announce` is told one line when the service is ready, with the port it got.
    """
    closing = asyncio.Event()
    _stop_on_signals(closing)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(settings))
        metrics.follow(lambda: (engine.book, engine.rulebook_status))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, engine.reload_soon)
        address = await stack.enter_async_context(
            serving(engine, settings, metrics, closing=closing)
        )
        if settings.metrics is not None:
            at = stack.enter_context(exposed(metrics, settings.metrics))
            _log.info("metrics", url=f"http://{at}/metrics")
        announce(_ready(address, engine.book))
        await closing.wait()
        _log.info("stopping", grace_seconds=settings.grace)
    _log.info("stopped")


def _options(settings: Settings) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", settings.receive_limit),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _listen(server: grpc.aio.Server, settings: Settings) -> Address:
    address, credentials = settings.listen, _credentials(settings)
    try:
        if credentials is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), credentials)
    except RuntimeError:
        wrong = f"{address} cannot be listened on; is another service there?"
        raise InvalidInput([Violation("listen", wrong)]) from None
    return Address(address.host, port)


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The certificate to serve with; None serves in plain text."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise InvalidInput([Violation("tls", "tls_cert and tls_key must be given together")])
    try:
        return grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    except OSError as error:
        raise InvalidInput([Violation("tls", f"the certificate cannot be read: {error}")]) from None


def _stop_on_signals(closing: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        closing.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)


def _ready(address: Address, book: RuleBook | None) -> str:
    if book is None:
        return f"attune is ready on {address} (no rule book)"
    return (
        f"attune is ready on {address} (rule book {book.version[:8]}, {len(book.actions)} actions)"
    )
