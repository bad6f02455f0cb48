"""Arbitrate: measured actions compete by what they change, against offering nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from engine.arbitration import Candidates, Indexes, Vector
from engine.exploration.allowance import Draw
from engine.exploration.chance import Chance
from engine.exploration.choice import drawing
from engine.exploration.exposures import Experience
from engine.exploration.thompson import Doubt
from engine.model import DAY, ActionId, CustomerId, Micros
from engine.rulebook.book import Exploration, Measured, RuleBook
from engine.trials.assignment import Term, key_of, lot, term_of

NONE: Final = "uplift.none"
"""The reason code of an action that changes nothing for the better."""

NOTHING: Final = "uplift.nothing"
"""The reason code of an action in whose place chance tried offering nothing."""


def tries_nothing(exploration: Exploration) -> bool:
    """Whether chance may offer nothing although something is better.

    At a rate that is set, `epsilon` and `squarecb` with a gamma try whatever is worse. Where it goes by
    the evidence, what is tried is what there is more to learn about, and offering nothing teaches nothing;
    likewise to Thompson sampling: it changes nothing, for certain.
    """
    fixed = exploration.policy == "squarecb" and exploration.gamma is not None
    return fixed or exploration.policy == "epsilon"


_APART: Final = 0x5DEECE66D1CE4E5B
"""Sets the chance of what would have been offered apart from that of what is."""


class Effects:
    """The measured actions of one book, where there are any.

    Attributes:
        others: the actions (indexes) that are not measured, ascending.
    """

    def __init__(self, book: RuleBook) -> None:
        self._measured = tuple(book.measured.items())
        self._is_measured = np.zeros(len(book.actions), dtype=np.bool_)
        self._is_measured[[one.action for one in book.measured.values()]] = True
        self._name_of = {one.action: name for name, one in book.measured.items()}
        self._action_of = np.array([t.action for t in book.treatments], dtype=np.intp)
        self._treatments = frozenset(
            treatment
            for one in book.measured.values()
            for treatment in book.actions[one.action].treatments
        )
        self._terms: dict[str, Term] = {}
        self.others = np.flatnonzero(~self._is_measured)

    def may_come(self, let_through: Iterable[Sequence[int]]) -> bool:
        """Whether the rules let a measured action through anywhere; else nobody need ask what it changes."""
        return not all(map(self._treatments.isdisjoint, let_through))

    def without_changes(self, others: Vector) -> Vector:
        """P over all actions, given that of `others`; NaN, which never competes, for those measured."""
        found = np.full(len(self._is_measured), np.nan)
        found[self.others] = others
        return found

    def expecting(self, customer_id: CustomerId, now: Micros, changes: Vector) -> Vector:
        """P over all actions; with whom an action is tried anyway, it is at least what is expected of it.

        So something is learned all the time of those whom the model would leave alone. Who they are is
        drawn anew with each period of the action's holdout, independently of it.
        """
        found = changes
        for name, one in self._measured:
            if not changes[one.action] < one.expected or not one.keep_trying:
                continue
            if lot(customer_id, self._key(name, one, now)) < one.keep_trying:
                found = changes.copy() if found is changes else found
                found[one.action] = one.expected
        return found

    def worthwhile(self, candidates: Candidates, changes: Vector) -> Candidates:
        """Those candidates that are not measured, or change something for the better."""
        actions = candidates.actions
        keep = ~self._is_measured[actions] | (changes[actions] > 0.0)
        if keep.all():
            return candidates
        treatments, actions, priorities, ties = candidates
        return Candidates(treatments[keep], actions[keep], priorities[keep], ties[keep])

    def among(self, candidates: Candidates) -> bool:
        """Whether a measured action competes, so that offering nothing competes with it."""
        return bool(self._is_measured[candidates.actions].any())

    def of(self, treatments: Sequence[int]) -> list[int]:
        """The treatments of measured actions among these."""
        return [t for t in treatments if self._is_measured[self._action_of[t]]]

    def missed(
        self,
        candidates: Candidates,
        held: Sequence[int],
        slots: int,
        exploration: Exploration,
        seed: int,
        lessons: int,
        doubt: Doubt | Experience | None,
    ) -> tuple[ActionId, ...]:
        """The measured actions that `held` (treatments) would have been offered as.

        `candidates` are all who would have competed. A chance of its own draws once, as it would have
        been drawn; prices of scarce caps, bundles and what slots close to one another are left aside.
        (The idea is that of ghost ads: Johnson, Lewis & Nubbemeyer, "Ghost Ads: Improving the
        Economics of Measuring Online Ad Effectiveness", JMR 2017.)
        """
        chance = Chance(seed ^ _APART)
        draw = drawing(exploration, chance, greedy=False, lessons=lessons, doubt=doubt)
        if tries_nothing(exploration):
            draw = or_nothing(draw)
        picks = draw(candidates.priorities, slots, candidates.ties, candidates.actions)
        kept_back = frozenset(held)
        found = []
        for position, _ in picks:
            if candidates.treatments.item(position) in kept_back:
                found.append(self._name_of[candidates.actions.item(position)])
        return tuple(found)

    def _key(self, name: ActionId, one: Measured, now: Micros) -> bytes:
        term = self._terms.get(one.period)
        if term is None or not term.start <= now < term.end:
            term = self._terms[one.period] = term_of(one.period, now, one.timezone)
        return key_of(one.salt, f"measured:{name}", term.name)


def or_nothing(draw: Draw) -> Draw:
    """The same draw with nothing as a candidate more, after which it ends; see `tries_nothing`."""

    def drawn(
        priorities: Vector, slots: int, ties: Indexes, actions: Indexes
    ) -> list[tuple[int, float]]:
        last = np.append(ties, ties.max(initial=0) + 1)
        picks = draw(np.append(priorities, 0.0), slots, last, actions)
        places = [position for position, _ in picks]
        ends = places.index(len(priorities)) if len(priorities) in places else len(picks)
        return picks[:ends]

    return drawn


def calmly(exploration: Exploration) -> Exploration:
    """The same, but the best always wins."""
    return replace(exploration, policy="greedy")


def told(one: Measured, change: float) -> str:
    """Why an action that changes so much is not offered, for people."""
    days = one.within / DAY
    span = f"{days:g} days" if days != 1.0 else "a day"
    better = f"no '{one.outcome}'" if one.better_absent else f"'{one.outcome}'"
    points = f"{100 * change:+.2f} points"
    said = f"offering it changes the chance of {better} within {span} by {points}"
    if change < -0.005:
        return f"it drives people like this away: {said}"
    return f"people like this do the same without it: {said}"
