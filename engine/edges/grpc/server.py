"""The server: all services wired once, started, and brought to an orderly end."""

import asyncio
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import grpc
import structlog

from engine.edges.grpc import customers, decisions, events, health, reflection, rulebooks
from engine.edges.grpc.admission import Admissions
from engine.edges.grpc.checking import check_files
from engine.edges.grpc.gate import Gate, Handler
from engine.edges.grpc.port import Engine, OpenEngine
from engine.edges.grpc.turns import Turns
from engine.edges.http2.sending import Limits
from engine.edges.http2.server import Server
from engine.edges.http2.vigil import worth_keeping
from engine.errors import InvalidInput, Violation
from engine.model import Micros
from engine.rulebook.book import RuleBook
from engine.running.garbage import tend
from engine.running.lag import lag_watched
from engine.running.stopping import unless
from engine.settings import Address, Settings
from engine.telemetry import Gauge, Meter, Metrics, Watched, exposed

_SERVICES: Final = (
    decisions.SERVICE,
    events.SERVICE,
    customers.SERVICE,
    rulebooks.SERVICE,
    health.SERVICE,
)

Place: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""What `socket.getaddrinfo` makes of an address."""

Handlers: TypeAlias = Mapping[str, Mapping[str, Handler]]
"""The methods by name, by service."""

Started: TypeAlias = tuple[Address, Callable[[float], Awaitable[object]]]
"""Where is served, and what brings it to an end, given the seconds calls in flight may take."""

_LOOPBACKS: Final = ("127.0.0.1", "::1")
"""What `localhost` stands for, whatever the hosts file says (RFC 6761)."""

_LONGEST_TURN: Final = 0.000_5

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
        InvalidInput: the address cannot be listened on, or the certificate cannot be used.
    """
    gate = Gate(meter)
    turns = Turns(clock)
    meter.watch(
        Gauge(
            "attune_turn_seconds",
            "How long the event loop took to come round, as last timed with a decision.",
            lambda: turns.last,
        )
    )
    admissions = Admissions(engine)
    services: Mapping[str, Service] = {
        decisions.SERVICE: decisions.Decisions(
            engine, admissions, settings, gate, meter, clock, closing, turns
        ),
        events.SERVICE: events.Events(engine, admissions, settings, gate, meter, now),
        customers.SERVICE: customers.Customers(engine, admissions, gate, now),
        rulebooks.SERVICE: rulebooks.RuleBooks(engine, gate, check),
        health.SERVICE: health.Health(_SERVICES, gate, closing),
        reflection.SERVICE: reflection.Reflection(_SERVICES, gate),
    }
    handlers = {name: service.handlers() for name, service in services.items()}
    start = _start_http2 if settings.transport == "http2" else _start_grpcio
    address, stop = await start(settings, handlers)
    try:
        with lag_watched(clock) as lag:
            meter.watch(lag)
            yield address
    finally:
        closing.set()
        await stop(settings.grace)


async def _start_grpcio(settings: Settings, handlers: Handlers) -> Started:
    """Serves with grpc.aio."""
    server = grpc.aio.server(options=_options(settings))
    for name, methods in handlers.items():
        server.add_registered_method_handlers(
            name, {method: _of_grpcio(handler) for method, handler in methods.items()}
        )
    address = _listen(server, settings)
    await server.start()
    return address, server.stop


def _of_grpcio(handler: Handler) -> "grpc.RpcMethodHandler[Any, Any]":
    """The handler in grpc.aio's words."""
    call: Any = handler.call
    if handler.asks_many:
        return grpc.stream_stream_rpc_method_handler(call)
    if handler.answers_many:
        return grpc.unary_stream_rpc_method_handler(call)
    return grpc.unary_unary_rpc_method_handler(call)


async def _start_http2(settings: Settings, handlers: Handlers) -> Started:
    """Serves with the engine's own HTTP/2."""
    server = Server(Limits(settings.receive_limit), settings.awake if worth_keeping() else 0.0)
    for name, methods in handlers.items():
        server.add(name, methods)
    address, places, tls = settings.listen, _resolved(settings.listen), _tls(settings)
    named = _LOOPBACKS if address.host == "localhost" else [str(at[0]) for *_, at in places]
    hosts = list(dict.fromkeys(named))
    try:
        port = await server.listen(hosts, address.port, tls, shared=settings.share_port)
    except OSError:
        wrong = f"{address} cannot be listened on: {_obstacle(places)}"
        raise InvalidInput([Violation("listen", wrong)]) from None
    return Address(address.host, port), server.stop


async def serve(
    settings: Settings,
    open_engine: OpenEngine,
    announce: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order; a second signal ends at once.

    Asked to stop, it first says so to health checks and goes on taking calls for `settings.linger`:
    whoever called before they knew still gets an answer. Then calls in flight have `settings.grace`.
    A start that is not done by then is given up.

    `announce` is told one line when the service is ready, with the port it got. `clock` is the engine's.
    """
    closing, ready = asyncio.Event(), asyncio.Event()
    _heed_signals(closing)
    metrics = Metrics()

    def unready() -> str:
        if closing.is_set():
            return "it has been asked to stop"
        return "" if ready.is_set() else "it has not come to the end of its start"

    async with AsyncExitStack() as stack:
        if settings.metrics is not None:
            at = stack.enter_context(exposed(metrics, settings.metrics, unready))
            _log.info("metrics", url=f"http://{at}/metrics")
        async with unless(closing):
            engine = await stack.enter_async_context(open_engine(settings))
        if closing.is_set():
            _log.info("stopped before the start was done")
            return
        metrics.follow(lambda: (engine.book, engine.rulebook_status))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, engine)
        if isinstance(engine, Watched):
            for gauge in engine.gauges():
                metrics.watch(gauge)
        address = await stack.enter_async_context(
            serving(engine, settings, metrics, closing=closing, clock=clock)
        )
        sys.setswitchinterval(_LONGEST_TURN)
        stack.callback(asyncio.create_task(tend(metrics.calls)).cancel)
        ready.set()
        announce(_ready(address, engine.book))
        await closing.wait()
        _log.info("stopping", linger_seconds=settings.linger, grace_seconds=settings.grace)
        await asyncio.sleep(settings.linger)
    _log.info("stopped")


def _options(settings: Settings) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", settings.receive_limit),
        ("grpc.so_reuseport", int(settings.share_port)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _listen(server: grpc.aio.Server, settings: Settings) -> Address:
    address, credentials = settings.listen, _credentials(settings)
    places = _resolved(address)
    try:
        if credentials is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), credentials)
    except RuntimeError:
        wrong = f"{address} cannot be listened on: {_obstacle(places)}"
        raise InvalidInput([Violation("listen", wrong)]) from None
    return Address(address.host, port)


def _resolved(address: Address) -> Sequence[Place]:
    try:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        wrong = f"there is no host '{address.host}' ({_reason(error)})"
        raise InvalidInput([Violation("listen", wrong)]) from None


def _obstacle(places: Sequence[Place]) -> str:
    """Why none of these could be bound, which gRPC does not tell."""
    for family, kind, protocol, _, at in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(at)
        except OSError as error:
            return _reason(error)
    return "is another service there?"


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The certificate to serve with, for grpc.aio; None serves in plain text."""
    pair = _certificate(settings)
    if pair is None:
        return None
    _usable(*pair)
    cert, key = pair
    return grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The same for our own HTTP/2."""
    pair = _certificate(settings)
    if pair is None:
        return None
    context = _usable(*pair)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def _certificate(settings: Settings) -> tuple[Path, Path] | None:
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise InvalidInput([Violation("tls", "tls_cert and tls_key must be given together")])
    return cert, key


def _usable(cert: Path, key: Path) -> ssl.SSLContext:
    """Raises InvalidInput if they cannot be served with."""
    try:
        cert.read_bytes(), key.read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise InvalidInput([Violation("tls", _unfit(cert, key, error))]) from None
    except OSError as error:
        raise InvalidInput([Violation("tls", f"the certificate cannot be read: {error}")]) from None
    return context


def _unfit(cert: Path, key: Path, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} does not belong to the certificate in {cert}"
    return (
        f"{cert} and {key} are not a certificate chain and its unencrypted private key in PEM"
        f" ({error.reason or error})"
    )


def _heed_signals(closing: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        closing.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: _log.info("SIGHUP before the start is done"))


def _reload(engine: Engine) -> None:
    _log.info("SIGHUP: the rule book is loaded again")
    engine.reload_soon()


def _ready(address: Address, book: RuleBook | None) -> str:
    if book is None:
        return f"attune is ready on {address} (no rule book)"
    return (
        f"attune is ready on {address} (rule book {book.version[:8]}, {len(book.actions)} actions)"
    )
