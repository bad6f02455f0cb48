"""Customers in Redis: one read for everything about one, one step to write what became of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import customer_key, events_key
from engine.edges.redis.record import MARK, NO_MARK, Held, decode_record, encode_record, event_mark
from engine.edges.redis.scripts import SWAP, SWAPPED
from engine.edges.redis.wire import Word
from engine.model import DAY, Customer, CustomerId, EventId, Micros

_MILLISECOND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what is kept where; microseconds, but for `at_hand`.

    Attributes:
        customer: a customer is forgotten so long after their last change; None for never.
        event_ids: how long event ids are recognised as duplicates, by the events' own time.
        fresh: how old the copy in this process may be that decisions are made by; below 0 none may.
        at_hand: customers kept in this process.
    """

    customer: Micros | None = 400 * DAY
    event_ids: Micros = 8 * DAY
    fresh: Micros = 1_000_000
    at_hand: int = 50_000


class _Seen(NamedTuple):
    held: Held
    at: Micros


class Change(NamedTuple):
    """What became of a customer: read with this mark, now this, by what happened with these ids when."""

    mark: bytes
    customer: Customer
    by: list[tuple[EventId, Micros]]


class Asked(NamedTuple):
    """A customer who was asked for, with what is to be told of events."""

    customer_id: CustomerId
    events: Sequence[EventId]
    record: "asyncio.Future[Any]"
    times: "asyncio.Future[Any]"

    def told(self) -> tuple[Held, set[EventId]]:
        """The customer, and those of the events that were applied; once both replies are there.

        Raises:
            DamagedData: their record makes no sense.
            StorageError: Redis cannot be reached.
        """
        times = checked(self.times.result())
        held = decode_record(self.customer_id, checked(self.record.result()))
        applied = zip(self.events, times, strict=True)
        return held, {event_id for event_id, time in applied if time is not None}


class Sent(NamedTuple):
    """A customer on the way to Redis."""

    reply: "asyncio.Future[Any]"
    keys: list[str]
    arguments: list[Word]


class RedisCustomers:
    """The customers behind one connection, those seen last also in this process.

    What is at hand is a copy that nobody here changes: `known` gives it for `Keeping.fresh` after it was
    read, so a decision may rest on a customer as they were that long ago; `last_known` gives it however
    old it is, for when Redis is away. `clock` is the time of day.
    """

    def __init__(
        self, connection: Connection, clock: Callable[[], Micros], keeping: Keeping | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._keeping = keeping or Keeping()
        self._seen: OrderedDict[CustomerId, _Seen] = OrderedDict()

    def known(self, customer_id: CustomerId) -> Customer | None:
        """The customer, if read within the last `Keeping.fresh`; never waits."""
        seen = self._seen.get(customer_id)
        if seen is None or self._clock() - seen.at > self._keeping.fresh:
            return None
        return seen.held.customer

    def last_known(self, customer_id: CustomerId) -> Customer | None:
        """The customer as last seen here, however long ago; never waits."""
        seen = self._seen.get(customer_id)
        return None if seen is None else seen.held.customer

    async def load(self, customer_id: CustomerId) -> Customer:
        """The customer, as Redis has them now; a fresh one if nobody has heard of them.

        It is the same object as before while their record is the same.

        Raises:
            DamagedData: their record makes no sense.
            StorageError: Redis cannot be reached.
        """
        asked = self._clock()
        record = await self._connection.ask("GET", customer_key(customer_id))
        return self.take(customer_id, record, asked)

    def take(self, customer_id: CustomerId, record: bytes | None, asked: Micros) -> Customer:
        """The customer in a record that was asked for then, from now on at hand; as `load` gives them.

        Raises:
            DamagedData: their record makes no sense.
        """
        seen = self._seen.get(customer_id)
        if seen is not None and (record or NO_MARK)[:MARK] == seen.held.mark:
            held = seen.held
        else:
            held = decode_record(customer_id, record)
        self._see(held, asked)
        return held.customer

    async def read(self, customer_id: CustomerId) -> Held:
        """The customer to be changed, with the mark to `swap` against; a copy of the caller's own.

        Raises:
            DamagedData: their record makes no sense.
            StorageError: Redis cannot be reached.
        """
        record = await self._connection.ask("GET", customer_key(customer_id))
        return decode_record(customer_id, record)

    async def applied(self, customer_id: CustomerId, events: Sequence[EventId]) -> list[bool]:
        """Of each event of one customer whether it was applied, as far back as ids are kept.

        Raises:
            StorageError: Redis cannot be reached.
        """
        if not events:
            return []
        marks = map(event_mark, events)
        times = await self._connection.ask("ZMSCORE", events_key(customer_id), *marks)
        return [time is not None for time in times]

    def ask(self, customer_id: CustomerId, events: Sequence[EventId]) -> "Asked":
        """Asks for a customer to be changed, and which of these events were applied; does not wait."""
        call = self._connection.call
        marks = map(event_mark, events)
        return Asked(
            customer_id,
            events,
            call("GET", customer_key(customer_id)),
            call("ZMSCORE", events_key(customer_id), *marks),
        )

    async def swap(self, change: Change) -> bool:
        """Writes the customer unless they have changed since, or one of the events was applied.

        Raises:
            StorageError: there is no answer; it may have been written all the same.
        """
        return await self.swapped(self.send_swap(change))

    def send_swap(self, change: Change) -> "Sent":
        """Has the customer written; `swapped` says whether that was done. Does not wait."""
        customer_id = change.customer.customer_id
        keys = [customer_key(customer_id), events_key(customer_id)]
        arguments = self._swapping(change)
        return Sent(SWAP.send(self._connection, keys, *arguments), keys, arguments)

    async def swapped(self, sent: "Sent") -> bool:
        """Whether the customer was written.

        Raises:
            StorageError: there is no answer; it may have been written all the same.
        """
        done = await SWAP.told(sent.reply, self._connection, sent.keys, *sent.arguments)
        return bool(done == SWAPPED)

    def _swapping(self, change: Change) -> list[Word]:
        """The arguments of `SWAP`."""
        keeping, now = self._keeping, self._clock()
        arguments: list[Word] = [
            change.mark,
            encode_record(change.customer),
            0 if keeping.customer is None else keeping.customer // _MILLISECOND,
            (now - keeping.event_ids) // _MILLISECOND,
            keeping.event_ids // _MILLISECOND,
        ]
        for event_id, time in change.by:
            arguments += [time // _MILLISECOND, event_mark(event_id)]
        return arguments

    async def remember(
        self, customer_id: CustomerId, events: Sequence[tuple[EventId, Micros]]
    ) -> None:
        """Has events of a customer count as applied; the customer stays as they are.

        Raises:
            StorageError: there is no answer; they may count all the same.
        """
        key, call = events_key(customer_id), self._connection.call
        words: list[Word] = []
        for event_id, time in events:
            words += [time // _MILLISECOND, event_mark(event_id)]
        added = call("ZADD", key, *words)
        kept = call("PEXPIRE", key, self._keeping.event_ids // _MILLISECOND)
        for reply in await asyncio.gather(added, kept):
            checked(reply)

    async def forget(self, customer_id: CustomerId) -> None:
        """Removes everything about a customer.

        Raises:
            StorageError: there is no answer; it may have been removed all the same.
        """
        self._seen.pop(customer_id, None)
        await self._connection.ask("DEL", customer_key(customer_id), events_key(customer_id))

    def _see(self, held: Held, at: Micros) -> None:
        customer_id = held.customer.customer_id
        self._seen[customer_id] = _Seen(held, at)
        self._seen.move_to_end(customer_id)
        while len(self._seen) > self._keeping.at_hand:
            self._seen.popitem(last=False)
