"""Seats: who decides while a champion and a challenger are there, arranged whole and taken at once."""

from typing import NamedTuple

from engine.caps.guard import CapsGuard
from engine.challenger.challenge import Challenge
from engine.challenger.contender import Contender, Side
from engine.challenger.plan import Part
from engine.decide import Decider
from engine.rulebook.book import RuleBook


class Seats(NamedTuple):
    """The champion, the challenger if there is one, and the caps' guard of each."""

    champion: Decider
    caps: CapsGuard
    challenge: Challenge | None = None
    challenger: Decider | None = None
    challenger_caps: CapsGuard | None = None

    @property
    def part(self) -> Part | None:
        """The part the challenger plays; None if there is none."""
        return (
            None if self.challenge is None or self.challenger is None else self.challenge.plan.part
        )

    @property
    def deciders(self) -> tuple[Decider, ...]:
        """All that decide, seen or unseen."""
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    @property
    def share(self) -> float:
        """The share of customers the challenger decides for, in [0, 1]."""
        if self.part is Part.REPLACED:
            return 1.0
        return self.challenge.plan.share if self.part is Part.SHARE and self.challenge else 0.0

    @property
    def usual(self) -> Side:
        """Who decides for everybody whom no contender decides for."""
        replaced = self.challenger if self.part is Part.REPLACED else None
        return Side(replaced or self.champion)

    @property
    def contender(self) -> Contender | None:
        """Who decides for a share of customers; None if nobody does."""
        if self.part is not Part.SHARE or self.challenge is None or self.challenger is None:
            return None
        return Contender(self.challenge.plan, self.challenger, self.champion)

    @property
    def answering(self) -> tuple[Decider, ...]:
        """All whose decisions are served, the usual first."""
        shared = self.challenger if self.part is Part.SHARE else None
        return (self.usual.decider, shared) if shared else (self.usual.decider,)

    @property
    def asking(self) -> RuleBook | None:
        """The first of their books with a contact policy that counts households; None if none has."""
        return next((d.book for d in self.answering if d.asks_for_households), None)

    @property
    def counting(self) -> tuple[CapsGuard, ...]:
        """The guards of their caps, in the same order."""
        if self.challenger_caps is None or self.part is Part.SHADOW:
            return (self.caps,)
        if self.part is Part.REPLACED:
            return (self.challenger_caps,)
        return self.caps, self.challenger_caps
