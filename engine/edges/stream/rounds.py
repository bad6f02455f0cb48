"""The rounds of a worker: through the customers in Redis whose events lie in its own partitions.

Redis is walked by SCAN; partitions that have come equally far are walked together. How far each has come
lies beside its mark, so that whoever has the partition next goes on from there. A place in a walk counts
for the very server it was told by: after a restart of Redis a round goes through all customers again, and
who had their turn twice is known by the name of what was decided.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from engine.contact.household import is_household
from engine.edges.kafka.messages import customer_key as message_key
from engine.edges.kafka.partitions import partition_of
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import CUSTOMERS, customer_key, customer_of, round_key
from engine.edges.redis.record import decode_record
from engine.edges.stream.triggering import Triggering
from engine.errors import DamagedData, StorageError
from engine.model import Customer, CustomerId, Micros
from engine.rulebook.trigger import Daily, Trigger
from engine.triggers.daily import Round, Walked, last_begun, turn_at
from engine.triggers.rounds import Turn

_AT_ONCE: Final = 500


class Portion(NamedTuple):
    """The partitions of the events that a worker has, and how many there are."""

    partitions: frozenset[int]
    of: int


class Rounds:
    """Makes the rounds of the book in force, for the worker's `portion` at the moment."""

    def __init__(
        self,
        triggering: Triggering,
        connection: Connection,
        topic: str,
        portion: Callable[[], Portion],
        clock: Callable[[], Micros],
    ) -> None:
        self._triggering = triggering
        self._connection = connection
        self._topic = topic
        self._portion = portion
        self._clock = clock
        self._server: tuple[int, str] = (-1, "")

    async def go_on(self) -> bool:
        """Takes every round that is due a few customers further; whether there was any.

        Raises:
            StorageError, Overloaded: not all of that is done; doing it again is safe.
        """
        busy, portion, triggers = False, self._portion(), self._triggering.lookout.triggers
        for trigger in triggers.book.triggers if portion.partitions else ():
            if trigger.daily is None:
                continue
            now = self._clock()
            turns = await self._due(trigger, trigger.daily, portion.partitions, now)
            for (due, behind), partitions in turns.items():
                turn = Turn(triggers, trigger, due, now)
                await self._walk(turn, behind, Portion(frozenset(partitions), portion.of))
                busy = True
        return busy

    async def _due(
        self, trigger: Trigger, daily: Daily, partitions: Iterable[int], now: Micros
    ) -> Mapping[tuple[Round, str], set[int]]:
        """The rounds to be made now, how far they have come, and for which partitions.

        A partition in which the trigger is heard for the first time begins with the next time.
        """
        partitions = sorted(partitions)
        keys = [round_key(self._topic, partition, trigger.name) for partition in partitions]
        notes = await self._answers([("GET", key) for key in keys])
        found: defaultdict[tuple[Round, str], set[int]] = defaultdict(set)
        for partition, note in zip(partitions, notes, strict=True):
            if note is None:
                begun = Walked(last_begun(trigger, daily, now), None)
                await self._note(trigger, [partition], begun)
            elif turn := turn_at(trigger, daily, decode_walked(note), now):
                found[turn].add(partition)
        return found

    async def _walk(self, turn: Turn, behind: str, portion: Portion) -> None:
        """Has the next customers' turn, and notes it."""
        epoch, run = await self._run()
        cursor, _, told_by = behind.partition("@")
        place = cursor if told_by == run else "0"
        scanned = self._connection.ask("SCAN", place, "MATCH", f"{CUSTOMERS}*", "COUNT", _AT_ONCE)
        following, keys = await scanned
        if self._connection.epoch != epoch:
            raise StorageError("Redis was lost while its customers were gone through")
        await turn.of(await self._customers(keys, portion), self._triggering.outreach)
        last = None if following == b"0" else f"{following.decode()}@{run}"
        await self._note(turn.trigger, portion.partitions, Walked(turn.due.day, last))

    async def _customers(
        self, keys: Iterable[bytes], portion: Portion
    ) -> Iterator[Customer | None]:
        """The customers at these keys whose events lie in the portion, decoded one after the other."""
        names = [customer_of(key.decode()) for key in dict.fromkeys(keys)]
        mine = [name for name in names if not is_household(name) and is_in(portion, name)]
        records = await self._answers([("GET", customer_key(name)) for name in mine])
        return map(_decoded, mine, records)

    async def _run(self) -> tuple[int, str]:
        """The connection's epoch, and which run of Redis it is to."""
        epoch = self._connection.epoch
        if self._server[0] != epoch:
            told = (await self._connection.ask("INFO", "server")).decode()
            run = next(line for line in told.splitlines() if line.startswith("run_id:"))
            self._server = epoch, run
        return self._server

    async def _note(self, trigger: Trigger, partitions: Iterable[int], walked: Walked) -> None:
        written = encode_walked(walked)
        keys = [round_key(self._topic, partition, trigger.name) for partition in partitions]
        await self._answers([("SET", key, written) for key in keys])

    async def _answers(self, commands: Iterable[tuple[str | bytes, ...]]) -> list[bytes | None]:
        """The replies to commands that are sent together."""
        calls = [self._connection.call(*words) for words in commands]
        return [checked(reply) for reply in await asyncio.gather(*calls)]


def is_in(portion: Portion, customer_id: CustomerId) -> bool:
    """Whether the events of a customer lie in a partition of the portion."""
    every = range(portion.of)
    return partition_of(message_key(customer_id), every, every) in portion.partitions


def encode_walked(walked: Walked) -> bytes:
    """As it lies in Redis.

    >>> encode_walked(Walked(date(2026, 11, 21), "17@a")), encode_walked(Walked(date(2026, 11, 21), None))
    (b'2026-11-21 17@a', b'2026-11-21')
    """
    return " ".join(filter(None, (walked.day.isoformat(), walked.behind))).encode()


def decode_walked(written: bytes) -> Walked:
    """What `encode_walked` wrote.

    >>> decode_walked(b"2026-11-21 17@a").behind, decode_walked(b"2026-11-21").behind
    ('17@a', None)

    Raises:
        DamagedData: it is none.
    """
    day, _, behind = written.decode(errors="replace").partition(" ")
    try:
        return Walked(date.fromisoformat(day), behind or None)
    except ValueError as error:
        raise DamagedData(f"how far a round has come is damaged in Redis: {error}") from error


def _decoded(customer_id: CustomerId, record: bytes | None) -> Customer | None:
    """The customer; None if they are gone or damaged, which is said when they are next asked for."""
    if record is None:
        return None
    try:
        return decode_record(customer_id, record).customer
    except DamagedData:
        return None
