"""Seating: who decides in a running engine, changed whole whenever a book or the plan does."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from engine.caps.guard import CapsGuard
from engine.challenger.caps import with_caps_of
from engine.challenger.casting import Casting
from engine.challenger.challenge import Challenge
from engine.challenger.common import guards_in_common
from engine.challenger.contact import with_contact_of
from engine.challenger.ending import let_go
from engine.challenger.plan import Part, Plan
from engine.challenger.seats import Seats
from engine.challenger.shadowing import Shadowing
from engine.contact.pending import Pending
from engine.decide import Decider
from engine.edges.caps.port import CapsKeeper
from engine.learning.binding import bind, consulted
from engine.learning.mind import Mind
from engine.limits.limits import Guard
from engine.rulebook.book import RuleBook


class MakeDecider(Protocol):
    """Makes deciders over what an engine remembers."""

    def __call__(
        self, book: RuleBook, caps: CapsGuard, common: Sequence[Guard] = (), *, unseen: bool = False
    ) -> Awaitable[Decider]:
        """A decider by a book under its own limits and those in `common`.

        One that decides `unseen` sees of offers only those made before the moment it decides at.
        """


class Seating:
    """The champion's seat and the challenger's, and who takes which decision.

    `decider_of` makes deciders, `cast` has a challenger decide unseen. Every change is prepared aside,
    then made in one step of the event loop; decisions under way are ended by who began them.

    Attributes:
        seats: who sits where.
        usual: who decides for everybody whom no contender decides for.
        contender: who decides for a share of customers; None if nobody does.
        asking: the book by which a customer's household is known; None if nobody asks for it.
        casting: the shadows that are made; None if none are.
    """

    def __init__(
        self,
        champion: Decider,
        caps: CapsKeeper,
        pending: Pending,
        decider_of: MakeDecider,
        cast: Callable[[Plan, Decider], Casting],
    ) -> None:
        self._caps = caps
        self._pending = pending
        self._decider_of = decider_of
        self._cast = cast
        self._changing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self.casting: Casting | None = None
        self._take(Seats(champion, caps.in_force))

    @property
    def shadowing(self) -> Shadowing | None:
        """Who decides unseen; None if nobody does."""
        return None if self.casting is None else self.casting.shadowing

    async def adopt(self, book: RuleBook) -> None:
        """Has another book be the champion's; the challenger, if it still can be one, keeps its seat.

        Raises:
            StorageError: what the book needs could not be written; all is as it was.
        """
        async with self._changing:
            caps = await self._caps.guard(book)
            decider = await self._decider_of(book, caps)
            before = self.seats
            self._take(await self._beside(Seats(decider, caps), before.challenge))
            weakref.finalize(before.champion, let_go, before.champion.book)

    async def challenge(self, challenge: Challenge | None) -> tuple[str, ...]:
        """Has a challenger take its seat, in place of the one before; None leaves it empty.

        Returns why it cannot, and then the seat is empty; () if it does.

        Raises:
            StorageError: what its book needs could not be written; all is as it was.
        """
        async with self._changing:
            before = self.seats
            champion = Seats(before.champion, before.caps)
            obstacles = () if challenge is None else challenge.obstacles(champion.champion.book)
            if obstacles:
                challenge = None
            if challenge is None:
                if before.challenge is not None:
                    self._take(champion)
            elif challenge != before.challenge:
                self._take(await self._beside(champion, challenge))
            return obstacles

    async def take_up(self, mind: Mind, learned: Mind) -> None:
        """Has `mind` become what was `learned` elsewhere, and everybody decide by it from then on.

        All is made ready in a thread; the change is one step of the event loop.
        """
        async with self._changing:
            deciders = self.seats.deciders
            models = await asyncio.to_thread(
                lambda: [bind(learned, decider.book) for decider in deciders]
            )
            mind.become(learned)
            for decider, model in zip(deciders, models, strict=True):
                decider.take_up(model, consulted(model))

    async def close(self) -> None:
        """Ends the shadows, and keeps those that were made."""
        if self.casting is not None:
            await self.casting.close()
        while self._ending:
            await asyncio.wait(self._ending)

    async def _beside(self, seats: Seats, challenge: Challenge | None) -> Seats:
        """The seats with the challenger in its own, where nothing is in the way."""
        champion = seats.champion.book
        if challenge is None or challenge.obstacles(champion):
            return seats
        part, book = challenge.plan.part, challenge.book
        if part is not Part.REPLACED:
            book = with_contact_of(champion, with_caps_of(champion, book))
        caps = await self._caps.guard(book)
        common = guards_in_common(champion, book, consent=part is not Part.REPLACED)
        decider = await self._decider_of(book, caps, common, unseen=part is Part.SHADOW)
        challenge.lease.use(decider)
        return seats._replace(challenge=challenge, challenger=decider, challenger_caps=caps)

    def _take(self, seats: Seats) -> None:
        """Has these decide from now on."""
        self.seats = seats
        self.usual, self.contender, self.asking = seats.usual, seats.contender, seats.asking
        self._caps.follow(*seats.counting)
        self._pending.assume_shown = max(d.book.contact.remembers for d in seats.answering)
        ended, self.casting = self.casting, None
        if seats.part is Part.SHADOW and seats.challenge and seats.challenger:
            self.casting = self._cast(seats.challenge.plan, seats.challenger)
        if ended is not None:
            ended.stop()
            task = asyncio.create_task(ended.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
