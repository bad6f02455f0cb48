"""`attune dead-letter list|replay`: what a cluster's workers set aside."""

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.worker import require_cluster

if TYPE_CHECKING:
    from engine.edges.stream.dead import Dead

StreamOption = Annotated[
    str, typer.Option(metavar="kafka://HOST:PORT", help="Where the log is.", envvar="ATTUNE_STREAM")
]
NameOption = Annotated[
    str,
    typer.Option(help="The installation: what its topics' names begin with.", envvar="ATTUNE_NAME"),
]

CustomerOption = Annotated[
    str, typer.Option(metavar="ID", help="Only those of this customer; without, of all.")
]
ReasonOption = Annotated[
    str, typer.Option(metavar="TEXT", help="Only those with this in their reason.")
]
StartOption = Annotated[
    int, typer.Option("--from", min=0, metavar="OFFSET", help="None before this one.")
]

_SHOWN: Final = 60
_PATIENCE: Final = 30.0
"""Seconds Kafka may take to have some of them back."""

dead_letter = typer.Typer(no_args_is_help=True, help="See and bring back what workers set aside.")


@dead_letter.command("list")
def list_(
    stream: StreamOption,
    name: NameOption = "attune",
    customer: CustomerOption = "",
    reason: ReasonOption = "",
    start: StartOption = 0,
    format_: FormatOption = Format.TEXT,
) -> None:
    """List what was set aside, with the reason and the beginning of its bytes.

    Example: attune dead-letter list --reason damaged --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream.dead import Wanted, dead_letters

    wanted = Wanted(start=start, customer=customer, reason=reason)
    tell = _as_json if format_ is Format.JSON else _as_text

    async def told() -> None:
        async for dead in dead_letters(brokers_of(stream), Topics.of(name), wanted):
            typer.echo(tell(dead))

    asyncio.run(told())


@dead_letter.command()
def replay(
    stream: StreamOption,
    name: NameOption = "attune",
    offset: Annotated[
        list[int] | None,
        typer.Option(
            min=0, help="This one, by the number `list` shows; may be said several times."
        ),
    ] = None,
    customer: CustomerOption = "",
    reason: ReasonOption = "",
    start: StartOption = 0,
) -> None:
    """Put what was set aside back into the log, once what was wrong has been put right.

    What is applied already is not applied twice; what still cannot be read is set aside again.

    Example: attune dead-letter replay --offset 0 --offset 3 --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.publisher import Publisher
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream import dead

    wanted = dead.Wanted(frozenset(offset or ()), start, customer, reason)

    async def replayed() -> int:
        publisher = Publisher(brokers_of(stream), patience=_PATIENCE)
        try:
            return await dead.replay(brokers_of(stream), Topics.of(name), publisher, wanted)
        finally:
            await publisher.close()

    count = asyncio.run(replayed())
    typer.echo(f"{count} {'event is' if count == 1 else 'events are'} back in the log")


def _as_text(dead: "Dead") -> str:
    topic, place, reason, value = dead.letter
    where = f"{topic}/{place.partition}/{place.offset}"
    return f"{dead.offset}  {where}  {reason}\n    {value[:_SHOWN]!r}"


def _as_json(dead: "Dead") -> str:
    topic, place, reason, value = dead.letter
    return json.dumps(
        {
            "offset": dead.offset,
            "key": dead.key.decode(errors="replace"),
            "topic": topic,
            "place": f"{place.partition}/{place.offset}",
            "reason": reason,
            "value": value.hex(),
        }
    )
