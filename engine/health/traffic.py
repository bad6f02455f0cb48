"""The decisions of a time: which offered nothing, among how many actions they chose, and for whom."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.codec import DecisionRecord
from engine.model import DAY, CustomerId, Decision, Micros


@dataclass(slots=True)
class Channel:
    """The decisions on one channel that no holdout kept from offering.

    `left` counts decisions by how many actions were left to choose from after the funnel; mandatory
    ones do not compete and are not among them. Decisions cut short before that are not in it.
    """

    decisions: int = 0
    empty: int = 0
    left: Counter[int] = field(default_factory=Counter)

    @property
    def optionality(self) -> float | None:
        """The mean of `left`; None if nothing is known."""
        total = self.left.total()
        return sum(size * count for size, count in self.left.items()) / total if total else None


@dataclass(slots=True)
class Traffic:
    """What was decided.

    Attributes:
        channels: by name.
        held: decisions for customers in a holdout or an experiment, which are not in `channels`.
        degraded: decisions that left a step out, by the step's name.
        days: decisions by day (UTC), counted from 1970.
        first: when the oldest of them was made; 0 without any.
        last: when the newest of them was made.
        came: for whom.
        asked: who of them was not always in a holdout or an experiment.
        served: who of those was offered something then.
    """

    channels: dict[str, Channel] = field(default_factory=dict)
    held: int = 0
    degraded: Counter[str] = field(default_factory=Counter)
    days: Counter[int] = field(default_factory=Counter)
    first: Micros = 0
    last: Micros = 0
    came: set[CustomerId] = field(default_factory=set)
    asked: set[CustomerId] = field(default_factory=set)
    served: set[CustomerId] = field(default_factory=set)

    @property
    def decisions(self) -> int:
        """How many were made."""
        return self.days.total()

    def note(self, records: Iterable[DecisionRecord]) -> None:
        """Takes in the records of decisions."""
        for _, decision in records:
            self._note(decision)

    def _note(self, decision: Decision) -> None:
        offers = any(not placed.fallback and placed.offers for placed in decision.placements)
        self.first = min(self.first or decision.decided_at, decision.decided_at)
        self.last = max(self.last, decision.decided_at)
        self.days[decision.decided_at // DAY] += 1
        self.degraded.update({step.step.name.lower() for step in decision.degraded})
        self.came.add(decision.customer_id)
        if decision.holdout:
            self.held += 1
            return
        self.asked.add(decision.customer_id)
        if offers:
            self.served.add(decision.customer_id)
        channel = self.channels.setdefault(decision.channel, Channel())
        channel.decisions += 1
        channel.empty += not offers
        if decision.contests:
            channel.left[len(_competing(decision))] += 1


def _competing(decision: Decision) -> set[int]:
    """The actions (indexes of the book) that were left, in any of the placements."""
    return {action for contest in decision.contests for action in contest.actions.tolist()}
