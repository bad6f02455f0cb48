"""`attune dead-letter list|replay|discard`: what a cluster's workers set aside."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.cluster import NameOption, StreamOption
from engine.cli.worker import require_cluster
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.edges.stream.dead import Dead, Replayed
    from engine.edges.stream.docket import Fate

CustomerOption = Annotated[
    str, typer.Option(metavar="ID", help="Only those of this customer; without, of all.")
]
ReasonOption = Annotated[
    str, typer.Option(metavar="TEXT", help="Only those with this in their reason.")
]
StartOption = Annotated[
    int, typer.Option("--from", min=0, metavar="OFFSET", help="None before this one.")
]
OffsetOption = Annotated[
    list[int] | None,
    typer.Option(min=0, help="This one, by the number `list` shows; may be said several times."),
]

_SHOWN: Final = 60
_PATIENCE: Final = 30.0
"""Seconds Kafka may take to have some of them back."""

dead_letter = typer.Typer(
    no_args_is_help=True, help="See, bring back or discard what workers set aside."
)


@dead_letter.command("list")
def list_(
    stream: StreamOption,
    name: NameOption = "attune",
    customer: CustomerOption = "",
    reason: ReasonOption = "",
    start: StartOption = 0,
    all_: Annotated[
        bool, typer.Option("--all", help="Also those dealt with, and what became of them.")
    ] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """List what was set aside and nobody has dealt with: the reason and the beginning of its bytes.

    Example: attune dead-letter list --reason damaged --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream.dead import Wanted, dead_letters

    wanted = Wanted(start=start, customer=customer, reason=reason, closed=all_)
    tell = _as_json if format_ is Format.JSON else _as_text

    async def told() -> None:
        async for dead in dead_letters(brokers_of(stream), Topics.of(name), wanted):
            typer.echo(tell(dead))

    asyncio.run(told())


@dead_letter.command()
def replay(
    stream: StreamOption,
    name: NameOption = "attune",
    offset: OffsetOption = None,
    customer: CustomerOption = "",
    reason: ReasonOption = "",
    start: StartOption = 0,
) -> None:
    """Put what was set aside back into the log, once what was wrong has been put right.

    What is applied already is not applied twice; what still cannot be read is set aside again. What was
    brought back or discarded before is brought back only where it is named by --offset.

    Example: attune dead-letter replay --offset 0 --offset 3 --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.publisher import Publisher
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream import dead

    wanted = dead.Wanted(frozenset(offset or ()), start, customer, reason)

    async def replayed() -> dead.Replayed:
        publisher = Publisher(brokers_of(stream), patience=_PATIENCE)
        try:
            return await dead.replay(brokers_of(stream), Topics.of(name), publisher, wanted)
        finally:
            await publisher.close()

    typer.echo(_told(asyncio.run(replayed())))


@dead_letter.command()
def discard(
    stream: StreamOption,
    name: NameOption = "attune",
    offset: OffsetOption = None,
    customer: CustomerOption = "",
    reason: ReasonOption = "",
    start: StartOption = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take what was set aside as dealt with, without bringing it back.

    It is not listed, replayed or counted any more. Kafka keeps its bytes for the rest of the week:
    `list --all` shows it, and `replay --offset` still brings it back.

    Example: attune dead-letter discard --reason damaged --yes --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.publisher import Publisher
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream import dead

    brokers, topics = brokers_of(stream), Topics.of(name)
    wanted = dead.Wanted(frozenset(offset or ()), start, customer, reason)

    async def found() -> list[int]:
        return [one.offset async for one in dead.dead_letters(brokers, topics, wanted)]

    async def discarded(offsets: list[int]) -> None:
        publisher = Publisher(brokers, patience=_PATIENCE)
        try:
            await dead.discard(topics, publisher, offsets)
        finally:
            await publisher.close()

    offsets = asyncio.run(found())
    if offsets and not yes:
        _confirm(len(offsets))
    asyncio.run(discarded(offsets))
    typer.echo(f"{_letters(len(offsets))} discarded")


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise AttuneError(f"this discards {_letters(count)}: say --yes if that is wanted")
    typer.confirm(f"Discard {_letters(count)}?", abort=True)


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _told(done: "Replayed") -> str:
    """A sentence for people, then what was left out, each with why.

    >>> from engine.edges.stream.dead import Replayed
    >>> print(_told(Replayed(1, 2, 0)))
    1 event is back in the log
    left out: 2 of the topic of lessons, as the model has gone on without them (`discard` closes them)
    """
    lines = [f"{done.events:,} {'event is' if done.events == 1 else 'events are'} back in the log"]
    if done.lessons:
        lines.append(
            f"left out: {done.lessons:,} of the topic of lessons, as the model has gone on without"
            f" {'it' if done.lessons == 1 else 'them'}"
            f" (`discard` closes {'it' if done.lessons == 1 else 'them'})"
        )
    if done.closed:
        lines.append(
            f"left out: {done.closed:,} brought back or discarded before"
            " (`list --all` shows them, --offset brings one back all the same)"
        )
    return "\n".join(lines)


def _as_text(dead: "Dead") -> str:
    topic, place, reason, value = dead.letter
    where = f"{topic}/{place.partition}/{place.offset}"
    fate = "" if dead.fate is None else f"  [{dead.fate.outcome} {_when(dead.fate)}]"
    return f"{dead.offset}  {where}{fate}  {reason}\n    {value[:_SHOWN]!r}"


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
            "outcome": None if dead.fate is None else dead.fate.outcome,
            "outcome_at": None if dead.fate is None else _when(dead.fate),
        }
    )


def _when(fate: "Fate") -> str:
    return datetime.fromtimestamp(fate.at // 1_000_000, UTC).isoformat()
