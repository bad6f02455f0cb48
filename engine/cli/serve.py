"""`attune serve`: runs the decision service."""

from pathlib import Path
from typing import Annotated

import typer

from engine.settings import Settings


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
    log_format: Annotated[
        str | None, typer.Option(help="text, json, or auto. (ATTUNE_LOG_FORMAT, else auto)")
    ] = None,
) -> None:
    """Run the decision service until SIGTERM or Ctrl-C; calls in flight are then finished.

    SIGHUP has the rule book loaded again, also where its files are not watched.

    Example: attune serve --rules rules/telecom --data data --listen 127.0.0.1:50051
    """
    settings = Settings.of(
        rules=rules, data=data, watch=watch, last_good=last_good, listen=listen, metrics=metrics,
        tls_cert=tls_cert, tls_key=tls_key, log_format=log_format,
    )  # fmt: skip
    import uvloop

    from engine.edges.grpc.server import serve as serve_until_stopped
    from engine.engine import open_engine
    from engine.telemetry import set_up_logs

    set_up_logs(settings.log_format)
    uvloop.run(serve_until_stopped(settings, open_engine, typer.echo))
