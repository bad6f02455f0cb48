"""Triggers in one process: what the log sets off is done on the event loop, behind the log.

Whoever did something is scored anew after that, so that a decision without time goes by it.

How far all is done is kept beside the messages. A start goes on from there: what the process before
has accepted and not done is looked at again, and what it has done is known by its name.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from engine.edges.offers.box import OfferBox
from engine.edges.offers.rounds import Rounds
from engine.edges.state.embedded import Embedded
from engine.errors import DamagedData, Overloaded, StorageError
from engine.model import Event, Micros
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Answering, Outreach, Tally
from engine.triggers.rounds import keep

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two notes of how far all is done."""

AGAIN: Final = 0.5
"""Seconds between two attempts while the disk fails."""

_AT_ONCE: Final = 100
_SLICE: Final = 0.000_5
_ENDS_WITHIN: Final = 5.0


@asynccontextmanager
async def reaching(
    state: Embedded,
    lookout: Lookout,
    box: OfferBox,
    tally: Tally,
    clock: Callable[[], Micros],
    engine: Answering,
) -> AsyncIterator[None]:
    """Does what is due while it is open; at the end what is due then, within reason.

    Raises:
        StorageError: the journal cannot be read.
    """
    await _catch_up(state, lookout, box)
    lookout.stirred.clear()
    outreach = Outreach(engine, box, tally)
    score = partial(_score, state, lookout, engine)
    rounds = Rounds(state, lookout, box, outreach, clock)
    running = [
        asyncio.create_task(_run(state, lookout, outreach, box, score)),
        asyncio.create_task(keep(rounds.go_on)),
    ]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                await state.settled()
                while lookout.due:
                    await _reach(lookout, outreach)
                await _note(state, lookout, box)
        except (StorageError, Overloaded, TimeoutError) as error:
            log.warning("triggers are looked at again at the next start: %s", error)


async def _catch_up(state: Embedded, lookout: Lookout, box: OfferBox) -> None:
    """Takes up what was not done before; nothing of the past where nobody listened then."""
    reached = box.reached
    if reached is None or reached > state.last_seq:
        lookout.drop(state.last_seq)
        await _note(state, lookout, box)
        return
    lookout.drop(reached)
    again = list(lookout.due)
    lookout.due.clear()
    missed = await _entries(state, reached, state.recovered_from)
    still_to_come = {entry.event_id for _, entry in missed}
    for seq, entry in missed:
        still_to_come.discard(entry.event_id)
        try:
            lookout.late(seq, await state.load(entry.customer_id), entry, still_to_come)
        except DamagedData as damage:
            log.error("%s", damage)  # noqa: TRY400 - no trace is needed
    lookout.due.extend(again)


async def _entries(state: Embedded, after: int, up_to: int) -> list[tuple[int, Event]]:
    """The events of this stretch of the log."""
    found: list[tuple[int, Event]] = []
    seq = after
    while seq < up_to and (some := await state.entries_after(seq)):
        found += [(at, one) for at, one in some if at <= up_to and isinstance(one, Event)]
        seq = some[-1][0]
    return found


async def _run(
    state: Embedded,
    lookout: Lookout,
    outreach: Outreach,
    box: OfferBox,
    score: Callable[[], Awaitable[None]],
) -> None:
    reported, noted = False, time.monotonic()
    while True:
        try:
            async with asyncio.timeout(TICK):
                await lookout.came.wait()
        except TimeoutError:
            pass
        try:
            if lookout.due:
                await _reach(lookout, outreach)
            else:
                await score()
            if time.monotonic() - noted >= TICK:
                await _note(state, lookout, box)
                noted = time.monotonic()
            reported = False
        except (StorageError, Overloaded) as error:
            if not reported:
                log.warning("%s; what triggers ask for waits", error)
            reported = True
            await asyncio.sleep(AGAIN)


async def _reach(lookout: Lookout, outreach: Outreach) -> None:
    """Does the next things that are due."""
    some = [lookout.due[n] for n in range(min(_AT_ONCE, len(lookout.due)))]
    await outreach.reach([due.set_off for due in some])
    for _ in some:
        lookout.due.popleft()
    lookout.heed()


async def _score(state: Embedded, lookout: Lookout, engine: Answering) -> None:
    """Scores some of those who did something, for no longer at a time than can be felt."""
    end = time.perf_counter() + _SLICE
    while lookout.stirred and time.perf_counter() < end:
        customer_id, channel = lookout.stirred.popitem()
        customer = state.known(customer_id)
        if customer is not None:
            engine.score(customer, channel)
    lookout.heed()
    await asyncio.sleep(0)


async def _note(state: Embedded, lookout: Lookout, box: OfferBox) -> None:
    """Notes how far all is done, where that has changed."""
    if not lookout.listens:
        reached = None
    elif lookout.due:
        reached = lookout.due[0].seq - 1
    else:
        reached = state.applied_seq
    if reached != box.reached:
        await box.note_reached(reached)
