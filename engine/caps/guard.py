"""Caps at the one point every offer passes: who may have a share, at which price, and who took one."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from engine.arbitration import Candidates
from engine.caps.ledger import Ledger
from engine.caps.meter import Meter
from engine.caps.periods import span_of
from engine.caps.price import Wanted
from engine.caps.telling import used_up, worth_more
from engine.caps.vault import AccountKey, Charge, Share
from engine.circumstances import Circumstances
from engine.limits import Foreseeing, Priced
from engine.model import ActionId, Decision, DecisionId, Micros, Question, Reason, Response, Value
from engine.rulebook.book import RuleBook

NOT_DELIVERED: Final = "not_delivered"
"""The outcome that gives a share back; any other says that the offer was shown."""


Under: TypeAlias = Mapping[int, tuple[Meter, ...]]
"""By treatment the caps it is under; treatments under none are not there."""


class CapsGuard:
    """The caps of one book, over a ledger that outlives the book."""

    def __init__(self, book: RuleBook, ledger: Ledger) -> None:
        self.ledger = ledger
        self._numbers_of = book.numbers_of
        self.meters = tuple(Meter(cap, ledger) for cap in book.caps)
        under: dict[int, list[Meter]] = defaultdict(list)
        for meter in self.meters:
            for treatment in meter.cap.treatments:
                under[treatment].append(meter)
        self.under: Under = {treatment: tuple(meters) for treatment, meters in under.items()}
        self._treatments = {t.treatment_id: t.index for t in book.treatments}
        self._shown_as = {
            (book.actions[t.action].action_id, t.placement): t.index for t in book.treatments
        }
        self._latest: _CapsLimit | None = None

    def limit(
        self, question: Question, given: Circumstances, values: Sequence[Value]
    ) -> "_CapsLimit | None":
        """How the caps stand for this answer; None if the book has none."""
        del question
        if not self.under:
            return None
        self.ledger.expire(given.now)
        self._latest = self._standing(given.decision_id, given.now, values)
        return self._latest

    def commit(self, decision: Decision) -> None:
        """Reserves what the offers of a final decision take, and lets the prices learn from it."""
        if not self.under:
            return
        standing, self._latest = self._latest, None
        if standing is None or standing.decision_id != decision.decision_id:
            standing = self._standing(decision.decision_id, decision.decided_at, decision.values)
        taken: dict[Meter, int] = defaultdict(int)
        for placed in decision.placements:
            for offer in () if placed.fallback else placed.offers:
                treatment = self._treatments[offer.treatment_id]
                for meter in self._reserve(decision, offer.action_id, treatment, standing):
                    taken[meter] += standing.units(meter) or 0
        standing.learn(taken)

    def observe(self, response: Response) -> None:
        """What a response on disk says of its offer's share: it was shown, or was not delivered."""
        told = response.exposure
        if response.outcome == NOT_DELIVERED:
            self.ledger.release(told.decision_id, told.action_id)
            return
        if self.ledger.confirm(told.decision_id, told.action_id):
            return
        treatment = self._shown_as.get((told.action_id, told.placement))
        meters = () if treatment is None else self.under.get(treatment, ())
        if meters:
            charges = tuple(_charge_of(meter, told.decided_at) for meter in meters)
            self.ledger.settle(Share(told.decision_id, told.action_id, charges, told.decided_at))

    def tend(self, now: Micros, ahead: Micros) -> None:
        """What time alone brings: shares given back, and the blocks of periods up to `ahead` drawn."""
        self.ledger.tend(now)
        for meter in self.meters:
            for moment in (now, ahead):
                meter.free(moment)

    def _standing(
        self, decision_id: DecisionId, now: Micros, values: Sequence[Value]
    ) -> "_CapsLimit":
        numbers_of = self._numbers_of
        return _CapsLimit(self.under, decision_id, now, lambda: numbers_of(values))

    def _reserve(
        self, decision: Decision, action_id: ActionId, treatment: int, standing: "_CapsLimit"
    ) -> tuple[Meter, ...]:
        meters = self.under.get(treatment, ())
        if not meters:
            return ()
        now = decision.decided_at
        charges = tuple(Charge(m.account(now).key, standing.units(m) or 0) for m in meters)
        until = now + max(meter.cap.hold for meter in meters)
        self.ledger.reserve(Share(decision.decision_id, action_id, charges, until))
        for meter in meters:
            meter.free(now)
        return meters


class _CapsLimit(Foreseeing, Priced):
    """The caps as they stand for one answer. What it offers counts at once."""

    __slots__ = (
        "_closed", "_free", "_numbers", "_numbers_of", "_under", "_wanted", "decision_id", "now",
    )  # fmt: skip

    def __init__(
        self,
        under: Under,
        decision_id: DecisionId,
        now: Micros,
        numbers_of: Callable[[], Sequence[float | None]],
    ) -> None:
        self._under = under
        self.decision_id = decision_id
        self.now = now
        self._numbers_of = numbers_of
        self._numbers: Sequence[float | None] | None = None
        self._free: dict[Meter, int] = {}
        self._wanted: dict[Meter, tuple[float, int]] = {}
        self._closed: set[Meter] = set()

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those whose caps all have room for one more."""
        under = self._under
        return [t for t in treatments if t not in under or self._admits(t)]

    def steady(self, picks: int) -> bool:
        """Whether every cap that was asked about would have room after so many offers."""
        for meter, free in self._free.items():
            units = self.units(meter)
            if units is None or 0 < free < units * (picks + 1):
                return False
        return True

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether every cap has room for all of them."""
        needed: dict[Meter, int] = defaultdict(int)
        for treatment in treatments:
            for meter in self._under.get(treatment, ()):
                needed[meter] += self.units(meter) or 0
        return all(units <= self._left(meter) for meter, units in needed.items())

    def chosen(self, treatment: int) -> None:
        """Takes an offer's units from what this answer may still use."""
        for meter in self._under.get(treatment, ()):
            self._free[meter] = self._left(meter) - (self.units(meter) or 0)

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """Every cap that has no room for it."""
        return tuple(
            used_up(meter, self.now, self.units(meter))
            for meter in self._under.get(treatment, ())
            if not self._has_room(meter)
        )

    def net(self, candidates: Candidates) -> tuple[Candidates, dict[int, Reason]]:
        """The candidates at their priorities net of what they take; those not worth it apart.

        The price of a cap is the same for the whole answer.
        """
        under = self._under
        priorities, kept, apart = candidates.priorities, [], {}
        for at, treatment in enumerate(candidates.treatments.tolist()):
            if treatment not in under:
                kept.append(at)
                continue
            worth = priorities.item(at)
            price = self._price(under[treatment], worth)
            if price:
                priorities = (
                    priorities.copy() if priorities is candidates.priorities else priorities
                )
                priorities[at] = worth - price
            if worth > price:
                kept.append(at)
            else:
                apart[treatment] = worth_more(self._dearest(under[treatment]), worth, price)
        if priorities is candidates.priorities:
            return candidates, {}
        return _kept(candidates._replace(priorities=priorities), kept), apart

    def units(self, meter: Meter) -> int | None:
        """What one offer takes of a cap for this customer; None if that cannot be told."""
        cost = meter.cap.cost
        if cost is None:
            return 1
        if cost.expression is None:
            return cost.units
        if self._numbers is None:
            self._numbers = self._numbers_of()
        return meter.cap.charge(self._numbers[cost.expression])

    def learn(self, taken: dict[Meter, int]) -> None:
        """Lets the price of every cap that was wanted learn from what became of it."""
        for meter, (worth, units) in self._wanted.items():
            wanted = Wanted(worth, units, taken.get(meter, 0))
            account = meter.account(self.now)
            left = meter.cap.limit_at(self.now) - account.used + wanted.taken
            meter.price.learn_one(meter.horizon(self.now), self.now, left, wanted)
        for meter in self._closed.difference(self._wanted):
            meter.price.count(meter.horizon(self.now), self.now)

    def _admits(self, treatment: int) -> bool:
        full = [meter for meter in self._under[treatment] if not self._has_room(meter)]
        self._closed.update(full)
        return not full

    def _has_room(self, meter: Meter) -> bool:
        units = self.units(meter)
        return units is not None and units <= self._left(meter, units)

    def _left(self, meter: Meter, wanted: int = 0) -> int:
        free = self._free.get(meter)
        if free is None:
            free = self._free[meter] = meter.free(self.now, wanted)
        return free

    def _price(self, meters: Sequence[Meter], worth: float) -> float:
        """What a candidate of this worth has to pay; notes that it was wanted."""
        price = 0.0
        for meter in meters:
            units = self.units(meter)
            if not units or not meter.cap.worth_most or meter.horizon(self.now).end is None:
                continue
            known = self._wanted.get(meter)
            if known is None or worth > known[0]:
                self._wanted[meter] = (worth, units)
            price += meter.price.value * units
        return price

    def _dearest(self, meters: Sequence[Meter]) -> Meter:
        return max(meters, key=lambda meter: meter.price.value * (self.units(meter) or 0))


def _kept(candidates: Candidates, kept: list[int]) -> Candidates:
    where = np.array(kept, dtype=np.intp)
    treatments, actions, priorities, ties = candidates
    return Candidates(treatments[where], actions[where], priorities[where], ties[where])


def _charge_of(meter: Meter, decided_at: Micros) -> Charge:
    """What an offer took of a cap, told by the book alone; a computed cost counts as a whole block."""
    cap = meter.cap
    start = span_of(cap.period, decided_at, cap.timezone).start
    units = 1 if cap.cost is None else cap.cost.units
    return Charge(AccountKey(cap.key, start), cap.block if units is None else units)
