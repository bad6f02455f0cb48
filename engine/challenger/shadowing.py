"""Shadowing: the challenger decides what the champion has decided, unseen, when nobody waits for it."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from math import inf
from typing import Final, NamedTuple

import structlog

from engine.circumstances import Circumstances
from engine.codec import DecisionRecord
from engine.contact.household import household_of
from engine.deadline import Budget
from engine.decide import Decider
from engine.model import Customer, CustomerId, Decision, Question, Unknown
from engine.stopwatch import UNREAD

log = structlog.get_logger(__name__)

ROOM: Final = 256
"""Decisions that may wait for their shadow; more are let go, and counted."""

PAUSE: Final = 0.002
"""Seconds between an answer and its shadow, and between two shadows."""

BUSY: Final = 0.001
"""Seconds by which the event loop may come late to a shadow before it counts as busy with callers."""

STALE: Final = 1.0
"""Seconds after which a decision is too long ago to be made as it was."""

_SPREAD: Final = 0x9E37_79B9_7F4A_7C15
_WORD: Final = 1 << 64


class Missed(StrEnum):
    """Why a decision that was picked has no shadow."""

    SHED = "shed"
    """Callers came first."""
    OVERTAKEN = "overtaken"
    """Something was reported of the customer meanwhile, or their household is not in memory."""
    FAILED = "failed"
    """The challenger could not decide."""


class Shadow(NamedTuple):
    """What the challenger would have answered, and how many seconds either took to decide."""

    name: str
    record: DecisionRecord
    served: float
    took: float


class _Waiting(NamedTuple):
    question: Question
    given: Circumstances
    served: float
    revision: int
    household_revision: int
    at: float


class Shadowing:
    """Has `challenger` decide a `sample` of what is decided, after the answer was sent.

    It sees the same question, customer, time and chance, and what had been offered before. It decides
    on the event loop, one decision at a time, only while the loop has nothing else to do; nothing it
    decides is counted, reserved or learned. `keep` is given each shadow; `known` finds a customer in
    memory; `clock` is monotonic, in seconds; in `missed` it counts what comes to nothing.

    Attributes:
        made: how many shadows there were.
        missed: how many were picked and came to nothing, by the reason.
    """

    def __init__(
        self,
        name: str,
        challenger: Decider,
        sample: float,
        keep: Callable[[Shadow], object],
        known: Callable[[CustomerId], Customer | None],
        clock: Callable[[], float],
        missed: Counter[Missed],
    ) -> None:
        self.name = name
        self.made = 0
        self.missed = missed
        self._decider = challenger
        self._below = int(sample * _WORD)
        self._keep = keep
        self._known = known
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def decide(self, champion: Decider, question: Question, given: Circumstances) -> Decision:
        """The champion's decision; if it is picked, and whole, its shadow follows.

        Where the customer is in a holdout or an experiment, none does.
        """
        if question.dry_run or given.seed * _SPREAD % _WORD >= self._below:
            return champion.decide(question, given)
        began = self._clock()
        decision = champion.decide(question, given)
        if not (decision.holdout or decision.degraded):
            self._note(question, given, self._clock() - began)
        return decision

    def stop(self) -> None:
        """Decides nothing more; what waits is let go."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, question: Question, given: Circumstances, served: float) -> None:
        if len(self._waiting) >= ROOM:
            self.missed[Missed.SHED] += 1
            return
        loop, household = asyncio.get_running_loop(), given.household
        home = household.revision if isinstance(household, Customer) else 0
        revision = given.customer.revision
        self._waiting.append(_Waiting(question, given, served, revision, home, loop.time()))
        if self._timer is None:
            self._timer = loop.call_later(PAUSE, self._turn, loop, loop.time() + PAUSE)

    def _turn(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Makes one shadow, unless the loop came late to it: then callers come first."""
        now = loop.time()
        while self._waiting and now - self._waiting[0].at > STALE:
            self._waiting.popleft()
            self.missed[Missed.SHED] += 1
        if self._waiting and now - due < BUSY:
            self._follow(self._waiting.popleft())
        self._timer = None
        if self._waiting:
            self._timer = loop.call_later(PAUSE, self._turn, loop, loop.time() + PAUSE)

    def _follow(self, waiting: _Waiting) -> None:
        given = self._circumstances(waiting)
        if given is None:
            self.missed[Missed.OVERTAKEN] += 1
            return
        question = replace(waiting.question, explain=False)
        began = self._clock()
        try:
            decision = self._decider.decide(question, given)
        except Exception:  # whatever it is, the champion goes on deciding
            if not self.missed[Missed.FAILED]:
                log.exception("challenger.failed", name=self.name)
            self.missed[Missed.FAILED] += 1
            return
        took = self._clock() - began
        self.made += 1
        self._keep(Shadow(self.name, DecisionRecord(question, decision), waiting.served, took))

    def _circumstances(self, waiting: _Waiting) -> Circumstances | None:
        """The same as they were, with all the time in the world; None if they cannot be had any more."""
        given = waiting.given
        if given.customer.revision != waiting.revision:
            return None
        household = given.household
        if isinstance(household, Customer) and household.revision != waiting.household_revision:
            return None
        if household is None and self._decider.asks_for_households:
            key = household_of(given.customer, self._decider.book)
            if isinstance(key, Unknown):
                household = key
            elif key is not None:
                household = self._known(key)
                if household is None:
                    return None
        return given._replace(
            budget=Budget(inf, self._clock), household=household, stopwatch=UNREAD
        )
