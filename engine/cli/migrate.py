"""`attune migrate`: moves an embedded installation to a cluster."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.cluster import (
    CopiesOption,
    NameOption,
    PartitionsOption,
    StateOption,
    StreamOption,
)
from engine.cli.worker import require_cluster

if TYPE_CHECKING:
    from engine.migration.migrate import Moved


def migrate(
    data: Annotated[Path, typer.Option(help="The data directory of `attune serve`.")],
    stream: StreamOption,
    state: StateOption,
    name: NameOption = "attune",
    partitions: PartitionsOption = 12,
    copies: CopiesOption = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what there is to be moved.")
    ] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Move all that an embedded service has accepted and learned to a cluster.

    Stop the service first, and start workers and servers of the cluster afterwards. Nothing in the
    data directory goes. Broken off, it goes on when it is run again; what is there is not done twice.

    Example: attune migrate --data data --stream kafka://127.0.0.1:9092 --state redis://127.0.0.1:6379
    """
    import asyncio
    import json

    require_cluster()
    from engine.cli.progress import steps
    from engine.edges.kafka.calm import calm
    from engine.edges.kafka.topics import Size
    from engine.edges.stream.worker import WorkerSettings
    from engine.migration.migrate import Moved, Target, survey
    from engine.migration.migrate import migrate as moved
    from engine.migration.source import opened
    from engine.telemetry import set_up_logs

    set_up_logs()
    calm()
    where = WorkerSettings.of(stream, state, name, Size(partitions, copies))
    target = Target(where.brokers, where.state, where.topics, where.size)

    async def done() -> Moved:
        async with opened(data) as source:
            return survey(source, steps) if dry_run else await moved(source, target, steps)

    result = asyncio.run(done())
    if format_ is Format.JSON:
        typer.echo(json.dumps(asdict(result) | {"dry_run": dry_run}))
    else:
        typer.echo(_told(result, partitions, dry_run=dry_run))


def _told(moved: "Moved", partitions: int, *, dry_run: bool) -> str:
    """Sentences for people; `partitions` is how many were asked for.

    >>> from engine.migration.migrate import Moved
    >>> print(_told(Moved(partitions=4), 12, dry_run=False).splitlines()[1])
    The log was there before, with 4 partitions; --partitions asks for 12, and changes nothing now.
    """
    if moved.already:
        return "Everything has moved already; nothing was to be done."
    model = f"a model that has learned from {moved.lessons:,} lessons"
    if dry_run:
        lines = [f"To be moved: {_amounts(moved)}, {model}."]
        if moved.damaged:
            lines.append(f"{_damaged(moved)} nobody can read any more will stay behind.")
        return "\n".join(lines)
    lines = [
        f"Moved: {_amounts(moved)}, {model}.",
        f"{moved.event_ids:,} events are recognised when they come again.",
        "Start the cluster's workers and servers now; do not start the old service again.",
    ]
    if moved.damaged:
        lines.insert(1, f"{_damaged(moved)} nobody can read any more stayed behind.")
    if moved.partitions != partitions:
        lines.insert(
            1,
            f"The log was there before, with {moved.partitions} partitions; --partitions asks for"
            f" {partitions}, and changes nothing now.",
        )
    return "\n".join(lines)


def _damaged(moved: "Moved") -> str:
    return f"{moved.damaged:,} {'entry' if moved.damaged == 1 else 'entries'}"


def _amounts(moved: "Moved") -> str:
    return (
        f"{moved.entries:,} events and profile updates, {moved.customers:,} customers,"
        f" {moved.decisions:,} decisions a response may still name"
    )
