"""`attune worker`: applies what a cluster's servers accepted, and learns from it."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from engine.cli.cluster import (
    CopiesOption,
    NameOption,
    PartitionsOption,
    StateOption,
    StreamOption,
)
from engine.errors import AttuneError

_NEEDED: Final = ("faust", "aiokafka", "hiredis")


def require_cluster() -> None:
    """Says what to install where a cluster's packages are not there.

    Raises:
        AttuneError: they are not.
    """
    if any(name not in sys.modules and find_spec(name) is None for name in _NEEDED):
        raise AttuneError("this takes Kafka, Faust and Redis: pip install 'attune[cluster]'")


def worker(
    stream: StreamOption,
    state: StateOption,
    name: NameOption = "attune",
    partitions: PartitionsOption = 12,
    copies: CopiesOption = 1,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve Prometheus metrics there, and /live and /ready. (ATTUNE_METRICS, else nowhere)",
            envvar="ATTUNE_METRICS",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The rule book whose triggers are heard here; without, none is. The same for all workers.",
            envvar="ATTUNE_RULES",
        ),
    ] = None,
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="This worker's own directory, for what its triggers decide.",
            envvar="ATTUNE_DATA",
        ),
    ] = Path("worker-data"),
    log_format: Annotated[str, typer.Option(help="text, json, or auto.")] = "auto",
) -> None:
    """Work until SIGTERM or Ctrl-C; what was begun is then finished.

    Start as many as there are cores to spare, up to one for each partition: they share the log.

    Example: attune worker --stream kafka://127.0.0.1:9092 --state redis://127.0.0.1:6379
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.calm import calm
    from engine.edges.kafka.topics import Size
    from engine.edges.stream.lifetime import work
    from engine.edges.stream.worker import WorkerSettings
    from engine.telemetry import set_up_logs

    settings = WorkerSettings.of(
        stream, state, name, Size(partitions, copies), metrics, rules, data
    )
    set_up_logs(log_format)
    calm()
    asyncio.run(work(settings, typer.echo))
