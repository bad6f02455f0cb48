"""The customers of an embedded installation, written to Redis as they are, with the ids of their events."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Final

from engine.edges.redis.customers import Change, RedisCustomers
from engine.errors import StorageError
from engine.model import Customer, CustomerId, Event, EventId, Micros

_AT_ONCE: Final = 500


async def write_customers(
    customers: RedisCustomers, found: AsyncIterable[Customer], tell: Callable[[int], object]
) -> int:
    """Has every customer in Redis as found; how many these are. Those who are there already stay.

    `tell` is told how many more are done.

    Raises:
        StorageError: Redis is away, or somebody else writes there.
    """
    total, some = 0, list[Customer]()
    async for customer in found:
        some.append(customer)
        if len(some) == _AT_ONCE:
            total += await _write(customers, some)
            tell(len(some))
            some = []
    total += await _write(customers, some)
    tell(len(some))
    return total


async def write_event_ids(customers: RedisCustomers, events: Iterable[Event]) -> int:
    """Has Redis know the ids of these events, so that they are recognised when they come again.

    Raises:
        StorageError: Redis is away.
    """
    total, some = 0, dict[CustomerId, list[tuple[EventId, Micros]]]()
    waiting = 0
    for event in events:
        some.setdefault(event.customer_id, []).append((event.event_id, event.time))
        waiting += 1
        if waiting == _AT_ONCE:
            total += await _remember(customers, some)
            some, waiting = {}, 0
    return total + await _remember(customers, some)


async def _write(customers: RedisCustomers, some: list[Customer]) -> int:
    held = await asyncio.gather(*[customers.read(each.customer_id) for each in some])
    changed = [
        Change(was.mark, customer, [])
        for was, customer in zip(held, some, strict=True)
        if was.customer != customer
    ]
    sent = [customers.send_swap(change) for change in changed]
    if not all(await asyncio.gather(*[customers.swapped(each) for each in sent])):
        raise StorageError("somebody else writes customers to this Redis: stop the workers first")
    return len(some)


async def _remember(
    customers: RedisCustomers, some: dict[CustomerId, list[tuple[EventId, Micros]]]
) -> int:
    await asyncio.gather(*[customers.remember(who, events) for who, events in some.items()])
    return sum(map(len, some.values()))
