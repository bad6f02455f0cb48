"""The caps as they stand for one answer: who may have a share of what, and at which price."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from engine.arbitration import Candidates
from engine.caps.board import Board
from engine.caps.meter import Meter
from engine.caps.price import Wanted
from engine.caps.telling import used_up, worth_more
from engine.limits.limits import Foreseeing, Priced
from engine.model import DecisionId, Micros, Reason, Stage


class CapsLimit(Foreseeing, Priced):
    """How the caps stand for one answer; what it offers counts at once.

    `numbers_of` works out the numbers of the book for this customer, if any is asked for.
    """

    stage: ClassVar = Stage.CAPS_AND_BUDGETS

    __slots__ = (
        "_board", "_closed", "_numbers", "_numbers_of", "_taken", "_wanted",
        "decision_id", "now", "prices",
    )  # fmt: skip

    def __init__(
        self,
        board: Board,
        decision_id: DecisionId,
        now: Micros,
        numbers_of: Callable[[], Sequence[float | None]],
    ) -> None:
        self.decision_id = decision_id
        self.now = now
        self._board = board
        self._numbers_of = numbers_of
        self._numbers: Sequence[float | None] | None = None
        self._taken: dict[Meter, int] = {}
        self._wanted: dict[Meter, tuple[float, int]] = {}
        self._closed: set[Meter] = set()
        self.prices: dict[int, float] = {}

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those whose caps all have room for one more."""
        board = self._board
        if self._taken or not board.computed.isdisjoint(treatments):
            return [t for t in treatments if t not in board.under or self._admits(t)]
        if board.closed.isdisjoint(treatments):
            return [*treatments]
        for treatment in board.closed.intersection(board.watched, treatments):
            self._admits(treatment)
        return [t for t in treatments if t not in board.closed]

    def steady(self, picks: int) -> bool:
        """Whether every cap with room for one would have room after so many offers."""
        for meter in self._board.tight:
            units = self.units(meter)
            room = self._room(meter)
            if units is None or 0 < room < units * (picks + 1):
                return False
        return not self._taken

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether every cap has room for all of them."""
        needed: dict[Meter, int] = defaultdict(int)
        for treatment in treatments:
            for meter in self._board.under.get(treatment, ()):
                needed[meter] += self.units(meter) or 0
        return all(units <= self._room(meter) for meter, units in needed.items())

    def chosen(self, treatment: int) -> None:
        """Takes an offer's units from what this answer may still use."""
        for meter in self._board.under.get(treatment, ()):
            self._taken[meter] = self._taken.get(meter, 0) + (self.units(meter) or 0)

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """Every cap that has no room for it."""
        return tuple(
            used_up(meter, self.now, self.units(meter))
            for meter in self._board.under.get(treatment, ())
            if not self._has_room(meter)
        )

    def net(self, candidates: Candidates) -> tuple[Candidates, Mapping[int, Reason]]:
        """The candidates at their priorities net of what they take; those not worth it apart.

        The price of a cap is the same for the whole answer.
        """
        watched = self._board.watched
        treatments = candidates.treatments.tolist()
        if watched.isdisjoint(treatments):
            return candidates, {}
        priorities = candidates.priorities.copy()
        apart: dict[int, Reason] = {}
        for at, treatment in enumerate(treatments):
            if treatment in watched:
                worth = priorities.item(at)
                price = self._price(self._board.under[treatment], worth)
                priorities[at] = worth - price
                if price:
                    self.prices[treatment] = price
                    if worth <= price:
                        apart[treatment] = self._outbid(treatment, worth, price)
        kept = [at for at, treatment in enumerate(treatments) if treatment not in apart]
        return _kept(candidates._replace(priorities=priorities), kept), apart

    def units(self, meter: Meter) -> int | None:
        """What one offer takes of a cap for this customer; None if that cannot be told."""
        if meter.fixed_units is not None:
            return meter.fixed_units
        if self._numbers is None:
            self._numbers = self._numbers_of()
        cost = meter.cap.cost
        return None if cost is None else meter.cap.charge(self._numbers[cost.expression or 0])

    def learn(self, taken: Mapping[Meter, int]) -> None:
        """Lets the price of every watched cap that was wanted learn from what became of it."""
        for meter, (worth, units) in self._wanted.items():
            wanted = Wanted(worth, units, taken.get(meter, 0))
            account = meter.account(self.now)
            left = meter.cap.limit_at(self.now) - account.used + wanted.taken
            here = int(left * account.part)
            meter.price.learn_one(meter.horizon(self.now), self.now, here, wanted)
        for meter in self._closed.difference(self._wanted):
            meter.price.count(meter.horizon(self.now), self.now)

    def _admits(self, treatment: int) -> bool:
        """Whether all its caps have room; those watched that have none are noted."""
        full = [meter for meter in self._board.under[treatment] if not self._has_room(meter)]
        self._closed.update(meter for meter in full if meter.watched)
        return not full

    def _has_room(self, meter: Meter) -> bool:
        units = self.units(meter)
        return units is not None and units <= self._room(meter, units)

    def _room(self, meter: Meter, wanted: int = 0) -> int:
        room = meter.room - self._taken.get(meter, 0)
        if room < wanted and meter.fixed_units is None:
            room = meter.free(self.now, wanted) - self._taken.get(meter, 0)
        return room

    def _price(self, meters: Sequence[Meter], worth: float) -> float:
        """What a candidate of this worth has to pay; notes that it was wanted."""
        price = 0.0
        for meter in meters:
            units = self.units(meter)
            if not units or not meter.watched:
                continue
            known = self._wanted.get(meter)
            if known is None or worth > known[0]:
                self._wanted[meter] = (worth, units)
            price += meter.price.value * units
        return price

    def _outbid(self, treatment: int, worth: float, price: float) -> Reason:
        """The reason of the cap that asks most."""
        meters = (meter for meter in self._board.under[treatment] if meter.watched)
        dearest = max(meters, key=lambda meter: meter.price.value * (self.units(meter) or 0))
        return worth_more(dearest, worth, price)


def _kept(candidates: Candidates, kept: list[int]) -> Candidates:
    where = np.array(kept, dtype=np.intp)
    treatments, actions, priorities, ties = candidates
    return Candidates(treatments[where], actions[where], priorities[where], ties[where])
