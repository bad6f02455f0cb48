"""`attune dead-letter list|replay`: what a cluster's workers set aside."""

from typing import Annotated, Final

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.worker import require_cluster

StreamOption = Annotated[
    str, typer.Option(metavar="kafka://HOST:PORT", help="Where the log is.", envvar="ATTUNE_STREAM")
]
NameOption = Annotated[
    str, typer.Option(help="The installation: what its topics' names begin with.")
]

_SHOWN: Final = 60

dead_letter = typer.Typer(no_args_is_help=True, help="See and bring back what workers set aside.")


@dead_letter.command("list")
def list_(
    stream: StreamOption, name: NameOption = "attune", format_: FormatOption = Format.TEXT
) -> None:
    """List what was set aside, with the reason and the beginning of its bytes.

    Example: attune dead-letter list --stream kafka://127.0.0.1:9092
    """
    import asyncio
    import json

    require_cluster()
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream.dead import Dead, dead_letters

    async def found() -> list[Dead]:
        return [dead async for dead in dead_letters(brokers_of(stream), Topics(name))]

    for offset, key, letter in asyncio.run(found()):
        if format_ is Format.JSON:
            told = {
                "offset": offset,
                "key": key.decode(errors="replace"),
                "topic": letter.topic,
                "place": f"{letter.place.partition}/{letter.place.offset}",
                "reason": letter.reason,
                "value": letter.value.hex(),
            }
            typer.echo(json.dumps(told))
        else:
            where = f"{letter.topic}/{letter.place.partition}/{letter.place.offset}"
            typer.echo(f"{offset}  {where}  {letter.reason}\n    {letter.value[:_SHOWN]!r}")


@dead_letter.command()
def replay(
    stream: StreamOption,
    offsets: Annotated[
        list[int] | None, typer.Argument(help="Which, by the number `list` shows; without, all.")
    ] = None,
    name: NameOption = "attune",
) -> None:
    """Put what was set aside back into the log, once what was wrong has been put right.

    What is applied already is not applied twice; what still cannot be read is set aside again.

    Example: attune dead-letter replay 0 3 --stream kafka://127.0.0.1:9092
    """
    import asyncio

    require_cluster()
    from engine.edges.kafka.publisher import Publisher
    from engine.edges.kafka.topics import Topics, brokers_of
    from engine.edges.stream import dead

    async def replayed() -> int:
        publisher = Publisher(brokers_of(stream))
        try:
            wanted = set(offsets or ())
            return await dead.replay(
                brokers_of(stream),
                Topics(name),
                publisher,
                lambda letter: not wanted or letter.offset in wanted,
            )
        finally:
            await publisher.close()

    count = asyncio.run(replayed())
    typer.echo(f"{count} {'event is' if count == 1 else 'events are'} back in the log")
