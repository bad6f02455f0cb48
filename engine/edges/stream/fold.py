"""State is a fold over the log, also where it is kept in Redis: read, apply, teach, write.

A batch of entries is applied by these steps: all customers in it are read; the pure topology is applied
to each in the order of the log; the lessons are handed on, in that order, and are durable before
anything else happens; then each customer is written in one step that takes the place of what was read.

A worker may die anywhere in between, and the batch comes again. What was written then is recognised by
the events' ids and not applied again. What was not written is applied again to the same customer, so
the same lessons come out; they bear the place of their entry in the log, and the learner passes over
what does not lie behind the last place it learned from (`engine.edges.stream.learning`). So each lesson
counts once, without a transaction across Kafka and Redis and without a memory of lessons.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from engine.edges.kafka.messages import Place, Taught
from engine.edges.redis.customers import Asked, Change, RedisCustomers
from engine.edges.redis.record import NO_MARK, Held
from engine.edges.stream.triggering import Triggering
from engine.errors import DamagedData
from engine.model import Customer, CustomerId, Event, EventId, ProfileUpdate
from engine.topology import take_in
from engine.triggers.lookout import Lookout

log = logging.getLogger(__name__)

_UPDATE: Final = "\0update:"


class Placed(NamedTuple):
    """An entry about a customer, at its place in the log."""

    place: Place
    entry: Event | ProfileUpdate

    @property
    def event_id(self) -> EventId:
        """What it is recognised by when it comes again: a profile update by its place."""
        if isinstance(self.entry, Event):
            return self.entry.event_id
        return EventId(f"{_UPDATE}{self.place.partition}/{self.place.offset}")


class Refused(NamedTuple):
    """An entry that could not be applied, and why."""

    place: Place
    reason: str


class Applied(NamedTuple):
    """What became of a batch: those that were new, those that changed nothing, those refused."""

    new: tuple[Place, ...]
    repeated: tuple[Place, ...]
    refused: tuple[Refused, ...]


Teach = Callable[[Sequence[Taught]], Awaitable[None]]
"""Hands lessons on, in this order; returns once they are durable."""


class _Folded(NamedTuple):
    """One customer's share of a batch, applied and not yet written."""

    change: Change
    lessons: list[Taught]
    new: list[Place]
    repeated: list[Place]
    refused: list[Refused]


class RedisFold:
    """Applies batches of the log, one at a time.

    Entries of one customer come from one partition, in the order of their offsets.
    """

    def __init__(
        self, customers: RedisCustomers, teach: Teach, triggering: Triggering | None = None
    ) -> None:
        self._customers = customers
        self._teach = teach
        self._triggering = triggering

    async def apply(self, batch: Sequence[Placed], *, is_made_up: bool = False) -> Applied:
        """Applies all of a batch; when it returns, all is written and taught, and triggers have been heard.

        What `is_made_up` was applied before and is missing: it sets nothing off once more.

        Raises:
            StorageError: Redis or the topic of lessons cannot be reached; any part may be written, and
                the whole batch is to be applied again.
        """
        groups: dict[CustomerId, list[Placed]] = {}
        for placed in batch:
            groups.setdefault(placed.entry.customer_id, []).append(placed)
        triggering = None if is_made_up else self._triggering
        folded = await self._fold(groups, triggering)
        lessons = sorted(
            (lesson for each in folded for lesson in each.lessons), key=lambda lesson: lesson.place
        )
        if lessons:
            await self._teach(lessons)
        customers = {each.change.customer.customer_id: each.change.customer for each in folded}
        if triggering is not None:
            await triggering.reach(customers)
        written = await self._write(folded, groups)
        if triggering is not None:
            await triggering.score(customers)
        return Applied(
            tuple([place for each in written for place in each.new]),
            tuple([place for each in written for place in each.repeated]),
            tuple([refused for each in written for refused in each.refused]),
        )

    async def _fold(
        self,
        groups: Mapping[CustomerId, Sequence[Placed]],
        triggering: Triggering | None = None,
    ) -> list[_Folded]:
        """The entries applied to their customers as they are now, all read together."""
        asked = [
            self._customers.ask(customer_id, [placed.event_id for placed in entries])
            for customer_id, entries in groups.items()
        ]
        await _ended([reply for each in asked for reply in (each.record, each.times)])
        lookout = None if triggering is None else triggering.lookout
        if lookout is not None:
            lookout.clear()
        return [_told(each, groups[each.customer_id], lookout) for each in asked]

    async def _write(
        self, folded: Sequence[_Folded], groups: Mapping[CustomerId, Sequence[Placed]]
    ) -> list[_Folded]:
        """Writes the customers; where another was quicker, applies what is left to what they wrote.

        Another is a worker that has lost the partition and not yet noticed, or this one's own write
        whose answer was lost. It applies the same entries to the same customer, so its lessons are
        those already handed on.
        """
        changed = [each for each in folded if each.new]
        sent = [self._customers.send_swap(each.change) for each in changed]
        await _ended([each.reply for each in sent])
        written = [each for each in folded if not each.new]
        for each, on_its_way in zip(changed, sent, strict=True):
            if await self._customers.swapped(on_its_way):
                written.append(each)
            else:
                who = each.change.customer.customer_id
                late = await self._fold({who: groups[who]})
                written += await self._write(late, groups)
        return written


async def _ended(replies: Sequence["asyncio.Future[Any]"]) -> None:
    """Waits until all replies are there, or have failed; whoever reads one is told.

    Nothing of a batch is thus on its way any more when the batch is tried again.
    """
    if replies:
        await asyncio.wait(replies)
    for reply in replies:
        reply.exception()  # seen, also where another's is raised


def _told(asked: Asked, entries: Sequence[Placed], lookout: Lookout | None) -> _Folded:
    """The entries applied to their customer; refused where that one is damaged."""
    try:
        held, known = asked.told()
    except DamagedData as damage:
        log.error("%s", damage)  # noqa: TRY400 - no trace is needed
        refused = [Refused(placed.place, str(damage)) for placed in entries]
        return _Folded(Change(NO_MARK, Customer(asked.customer_id), []), [], [], [], refused)
    return _folded(held, entries, known, lookout)


def _folded(
    held: Held, entries: Sequence[Placed], known: set[EventId], lookout: Lookout | None
) -> _Folded:
    """The entries applied, in place, to the customer that was read; what is `known` is not.

    The lookout sees each that is.
    """
    folded = _Folded(Change(held.mark, held.customer, []), [], [], [], [])
    for placed in entries:
        place, entry = placed
        if placed.event_id in known:
            folded.repeated.append(place)
            continue
        try:
            before = None if lookout is None else lookout.before(held.customer, entry)
            lessons = take_in(held.customer, entry)
        except Exception as error:
            log.exception("entry %d of partition %d is refused", place.offset, place.partition)
            folded.refused.append(Refused(place, f"{type(error).__name__}: {error}"))
            continue
        if lookout is not None and before is not None:
            lookout.after(place.offset, before, held.customer)
        known.add(placed.event_id)
        folded.new.append(place)
        folded.change.by.append((placed.event_id, entry.time))
        if lessons:
            folded.lessons.append(Taught(place, lessons))
    return folded
