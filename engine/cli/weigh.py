"""`attune weigh`: what customers take of a cluster's Redis, told apart by what it is kept for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from engine.cli.client import Format, FormatOption
from engine.cli.worker import require_cluster

if TYPE_CHECKING:
    from engine.edges.redis.memory import Weight

_WORDS: Final = {
    "record": "the record",
    "event_ids": "ids of events, by which repeats are recognised",
    "returned": "offers just made, for all servers to know",
    "scores": "what the model last said of them",
    "total": "together",
}
_PARTS: Final = {
    "profile": "attributes",
    "offers": "interaction history",
    "interactions": "other interactions",
}


class Weighed(NamedTuple):
    """What so many customers take on average, in bytes, and what Redis takes for everything."""

    customers: int
    mean: "Weight"
    used: int


def weigh(
    state: Annotated[
        str,
        typer.Option(
            metavar="redis://HOST:PORT", help="Where customers are kept.", envvar="ATTUNE_STATE"
        ),
    ],
    customers: Annotated[
        list[str] | None, typer.Argument(help="Which; without, any of those there are.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many of them, where none is named.")
    ] = 1_000,
    expect: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Also say what so many customers like these take."),
    ] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Say what a customer takes of Redis on average, in bytes, and for what.

    Example: attune weigh --state redis://127.0.0.1:6379 --expect 100000000
    """
    import asyncio
    import json

    require_cluster()
    from engine.errors import NotFound

    found = asyncio.run(_weighed(state, customers or (), sample))
    if not found.customers:
        raise NotFound("there are no customers in this Redis")
    if format_ is Format.JSON:
        told = found.mean._asdict() | {"total": found.mean.total, "customers": found.customers}
        typer.echo(json.dumps(told | {"redis": found.used}))
    else:
        typer.echo(_lines(found, expect))


async def _weighed(state: str, customers: Sequence[str], sample: int) -> Weighed:
    """Weighs these customers, or a sample."""
    from engine.edges.redis.address import RedisAddress
    from engine.edges.redis.connection import Connection
    from engine.edges.redis.memory import Weight, mean, some_customers, used
    from engine.edges.redis.memory import weigh as weighed
    from engine.errors import InvalidInput, Violation
    from engine.model import CustomerId

    try:
        address = RedisAddress.parse(state)
    except ValueError as error:
        raise InvalidInput([Violation("state", str(error))]) from None
    connection = await Connection.open(address)
    try:
        wanted = [CustomerId(each) for each in customers]
        weights = [
            await weighed(connection, each)
            for each in wanted or await some_customers(connection, sample)
        ]
        known = [weight for weight in weights if weight.total]
        return Weighed(len(known), mean(known) if known else Weight(), await used(connection))
    finally:
        await connection.close()


def _lines(found: Weighed, expect: int | None) -> str:
    """A table for people."""
    figures = found.mean._asdict() | {"total": found.mean.total}
    lines = [f"Bytes of Redis a customer takes, on average over {found.customers:,}:"]
    lines += [f"{figures[name]:>12,}  {words}" for name, words in _WORDS.items()]
    lines.append("Of the record, before it is packed:")
    lines += [f"{figures[name]:>12,}  {words}" for name, words in _PARTS.items()]
    lines.append(
        "Decisions found by their id come on top: see ATTUNE_JOIN_BY_ID in docs/operations.md."
    )
    lines.append(f"Redis takes {found.used / 1e6:,.1f} MB for everything it holds.")
    if expect is not None:
        lines.append(f"{expect:,} such customers take {expect * found.mean.total / 1e9:,.1f} GB.")
    return "\n".join(lines)
