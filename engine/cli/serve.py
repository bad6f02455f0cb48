"""`attune serve`: runs the decision service."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from engine.cli.worker import require_cluster
from engine.edges.rules.child import Begun, begin
from engine.edges.rules.watch import look
from engine.errors import BrokenRuleBook, InvalidInput, Violation
from engine.rulebook.diagnostics import Diagnostic
from engine.running.parent import end_with
from engine.settings import END_WITH_PARENT, MEMBER, Settings, unknown_settings

if TYPE_CHECKING:
    from engine.engine import AttuneEngine


def serve(
    rules: Annotated[
        Path | None,
        typer.Option(help="The rule book's directory. (ATTUNE_RULES, else rules/telecom)"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Where everything is kept; created if missing. (ATTUNE_DATA, else data)"),
    ] = None,
    watch: Annotated[
        bool | None,
        typer.Option(
            "--watch/--no-watch",
            help="Follow changes of the rule book's files. (ATTUNE_WATCH, else yes)",
        ),
    ] = None,
    last_good: Annotated[
        bool | None,
        typer.Option(
            "--last-good/--no-last-good",
            help="If the rule book is broken, start with the last good one. (ATTUNE_LAST_GOOD, else no)",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to serve; port 0 picks a free one. (ATTUNE_LISTEN, else 127.0.0.1:50051)",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            metavar="N",
            help="Processes that serve there together, one for each core to use; more than one takes"
            " --stream and --state. (ATTUNE_WORKERS, else 1)",
        ),
    ] = None,
    transport: Annotated[
        str | None,
        typer.Option(
            metavar="http2|grpcio",
            help="What speaks HTTP/2: the engine's own, or the grpcio library, which costs five times"
            " as much. (ATTUNE_TRANSPORT, else http2)",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve Prometheus metrics there. (ATTUNE_METRICS, else nowhere)",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(help="Speak TLS with this certificate chain (PEM). (ATTUNE_TLS_CERT)"),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="The certificate's private key (PEM). (ATTUNE_TLS_KEY)")
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            metavar="kafka://HOST:PORT",
            help="As a server of a cluster: where its log is. With --state. (ATTUNE_STREAM)",
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="redis://HOST:PORT",
            help="As a server of a cluster: where its customers are. With --stream. (ATTUNE_STATE)",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="The cluster's installation: what its topics begin with. (ATTUNE_NAME, else attune)"
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="text, json, or auto. (ATTUNE_LOG_FORMAT, else auto)")
    ] = None,
) -> None:
    """Run the decision service until SIGTERM or Ctrl-C; calls in flight are then finished.

    SIGHUP has the rule book loaded again, also where its files are not watched.

    Example: attune serve --rules rules/telecom --data data --listen 127.0.0.1:50051

    Of a cluster: attune serve --stream kafka://127.0.0.1:9092 --state redis://127.0.0.1:6379
    """
    if (parent := os.environ.get(END_WITH_PARENT, "")).isdecimal():
        end_with(int(parent))
    settings = Settings.of(
        rules=rules, data=data, watch=watch, last_good=last_good, listen=listen, workers=workers,
        transport=transport, metrics=metrics, tls_cert=tls_cert, tls_key=tls_key, log_format=log_format,
        stream=stream, state=state, name=name,
    )  # fmt: skip
    if not settings.rules.is_dir() and not settings.last_good:
        raise InvalidInput([Violation("rules", _no_book(settings.rules))])
    before, begun = look(settings.rules), _begun(settings)
    import asyncio

    import structlog
    import uvloop

    from engine.cli.check import mistakes
    from engine.edges.grpc.server import serve as serve_until_stopped
    from engine.edges.kafka.calm import calm
    from engine.edges.rules.compiler import HeadStart, compile_apart
    from engine.running.lines import Lines
    from engine.telemetry import set_up_logs

    set_up_logs(settings.log_format, cast("TextIO", Lines(sys.stderr)))
    if settings.stream:
        calm()
    if member := os.environ.get(MEMBER):
        structlog.contextvars.bind_contextvars(server=member)
    for remark in unknown_settings():
        structlog.get_logger(__name__).warning(remark)
    if settings.workers > 1:
        require_sharing(settings)
        require_cluster()
        from engine.crew.serve import serve_with_crew

        asyncio.run(serve_with_crew(settings, typer.echo))
        return
    compiled = compile_apart if begun is None else HeadStart(settings.rules, begun)
    opened = partial(opener(settings), compiled=compiled, before=before)
    try:
        uvloop.run(serve_until_stopped(settings, opened, typer.echo))
    except BrokenRuleBook as broken:
        found = [d for d in broken.diagnostics if isinstance(d, Diagnostic)]
        typer.echo("attune: the rule book has mistakes; nothing was started", err=True)
        typer.echo(mistakes(found, settings.rules), err=True)
        raise typer.Exit(1) from None


def _begun(settings: Settings) -> Begun | None:
    """The book being compiled while all else is imported; None if another process serves, or it cannot be."""
    if settings.workers > 1:
        return None
    try:
        return begin(settings.rules, at_once=True)
    except OSError:
        return None


def opener(settings: Settings) -> "Callable[..., AbstractAsyncContextManager[AttuneEngine]]":
    """What opens the engine: over the data directory, or over the cluster the settings name.

    Raises:
        AttuneError: they name a cluster, and its packages are not there.
    """
    if settings.stream is None:
        from engine.engine import open_engine

        return open_engine
    require_cluster()
    from engine.edges.stream.serving import open_cluster_engine

    return open_cluster_engine


def require_sharing(settings: Settings) -> None:
    """Says so where several servers were asked for, and each would keep everything to itself.

    Raises:
        InvalidInput: there is no cluster for them to share.
    """
    if settings.stream is None:
        wrong = (
            "a data directory has one writer: several servers share a cluster, with"
            " --stream kafka://HOST:PORT and --state redis://HOST:PORT"
        )
        raise InvalidInput([Violation("workers", wrong)])


def _no_book(rules: Path) -> str:
    if rules.exists():
        return f"{rules} is a file: name the directory of a rule book"
    return f"there is no rule book at {rules}; name its directory with --rules DIR"
