"""Results: what each trial shows, from the data directory of a service, running or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from engine.challenger.plan import Part
from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.rules.last import last_book
from engine.edges.rules.plan_file import read_plan
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import InvalidInput, Violation
from engine.evaluation.decisions import responses_in
from engine.experiments.counting import USUAL, Counting, Group
from engine.experiments.duel import duel
from engine.experiments.mismatch import Mismatch, mismatch
from engine.lift import Lift, Ratio
from engine.model import CustomerId, Event, Interaction, Micros
from engine.rulebook.book import RuleBook
from engine.rulebook.trial import Arm

_REACHED: Final = "reached"

LEAST: Final = 5
"""With fewer customers than this who did something, an interval would be too narrow."""


FEWEST: Final = 30
"""Groups of fewer customers than this are not compared, whatever they did."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing measured in a group.

    `lift` is how far the usual is above it; None for the usual itself, and where too few customers
    did it to be told. `successes` are the customers who did.
    """

    ratio: Ratio
    successes: int
    lift: Lift | None = None

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The lift as a share, and its bounds; None unless the group's own figure is surely above 0."""
        lift = self.lift
        if lift is None or self.ratio.interval[0] <= 0.0:
            return None
        if lift.relative is None or lift.relative_low is None or lift.relative_high is None:
            return None
        return lift.relative, lift.relative_low, lift.relative_high

    def below(self, usual: "Measure | None", *, certain: bool = False) -> "Measure":
        """The same, compared with the usual; `certain` if nobody in this group could have done it."""
        if usual is None or min(usual.ratio.customers, self.ratio.customers) < FEWEST:
            return self
        if usual.successes < LEAST or (self.successes < LEAST and not certain):
            return self
        return replace(self, lift=Lift.of(usual.ratio, self.ratio))

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is not known is null."""
        low, high = self.ratio.interval
        known = self.ratio.customers > 1
        told: dict[str, Any] = {
            "estimate": self.ratio.estimate if self.ratio.customers else None,
            "interval": [low, high] if known else None,
            "successes": self.successes,
        }
        lift = self.lift
        if lift is not None:
            told["usual_above_it"] = {
                "difference": lift.difference,
                "interval": [lift.low, lift.high],
                "relative": self.relative and self.relative[0],
                "relative_interval": self.relative and [*self.relative[1:]],
            }
        return told


@dataclass(frozen=True, slots=True)
class Outcome:
    """One group. `reached` is None if no event was asked for."""

    name: str
    share: float
    customers: int
    decisions: int
    offered: int
    acceptance: Measure
    value: Measure
    reached: Measure | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "share": self.share,
            "customers": self.customers,
            "decisions": self.decisions,
            "offered": self.offered,
            "acceptance": self.acceptance.to_dict(),
            "value": self.value.to_dict(),
            "reached": None if self.reached is None else self.reached.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """One trial: its groups, the usual one first, and whether they are as large as they should be.

    `event` is the type of interaction that was looked for, or empty.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    mismatch: Mismatch
    event: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "event": self.event,
            "groups": [outcome.to_dict() for outcome in self.outcomes],
            "mismatch": {
                "expected": list(self.mismatch.expected),
                "p": self.mismatch.p,
                "alarm": self.mismatch.alarm,
            },
        }


@dataclass(frozen=True, slots=True)
class Results:
    """All trials of a book; `event` is the type of interaction that was asked for, or empty."""

    decisions: int
    strange: int
    event: str
    trials: tuple[Result, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "decisions": self.decisions,
            "of_other_books": self.strange,
            "event": self.event,
            "trials": [result.to_dict() for result in self.trials],
        }


def results(
    data: Path, book: RuleBook | None = None, since: Micros = 0, event: str = ""
) -> Results:
    """What the trials of `book` show, by default of the book that was last in force.

    Decisions before `since` are left aside; `event` is the type of interactions to look for, by default
    what is measured of the actions that a holdout keeps back. A challenger that decides for a share of
    customers, or did before it replaced the champion, is a trial.

    Raises:
        InvalidInput: there is no such data directory or no book in it, or the book has no trials.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: something cannot be read.
    """
    book, plan = last_book(data) if book is None else book, read_plan(data)
    rewards = responses_in(data / JOURNAL).rewards
    counting = Counting(book.trials, rewards)
    if not counting.groups and (plan is None or plan.step(Part.SHARE) is None):
        raise InvalidInput(
            [Violation("policies.yaml", "the rule book has no holdouts and no experiments")]
        )
    counting.note(past_decisions(data / DECISIONS), since)
    groups = dict(counting.groups)
    if plan is not None and plan.step(Part.SHARE) is not None:
        groups[plan.label] = duel(past_decisions(data / DECISIONS), plan, rewards, since)
    wanted = {one.holdout: one.outcome for one in reversed([*book.measured.values()])}
    events = {name: event or wanted.get(name, "") for name in groups}
    times = _times(data / JOURNAL, frozenset(filter(None, events.values())))
    trials = tuple(
        result_of(name, those, times.get(events[name]), events[name])
        for name, those in groups.items()
    )
    return Results(counting.decisions, counting.strange, event, trials)


def result_of(
    name: str,
    groups: Sequence[Group],
    times: Mapping[CustomerId, Sequence[Micros]] | None = None,
    event: str = "",
) -> Result:
    """How the groups of a trial compare; `times` are each customer's events, where one is asked for."""
    usual = next((group for group in groups if group.name == USUAL), None)
    found = mismatch([len(group.stays) for group in groups], [group.share for group in groups])
    return Result(name, tuple(_outcome(group, usual, times) for group in groups), found, event)


def _is_kept_back(group: Group) -> bool:
    """Whether they are in a holdout, by which nobody was offered anything; an arm offers by chance."""
    return not group.offered and group.name not in set(Arm)


def _outcome(
    group: Group, usual: Group | None, times: Mapping[CustomerId, Sequence[Micros]] | None
) -> Outcome:
    own = _measures(group, times)
    if usual is not None and usual is not group:
        others = _measures(usual, times)
        own = {
            name: measure.below(others[name], certain=name != _REACHED and _is_kept_back(group))
            for name, measure in own.items()
        }
    return Outcome(
        group.name,
        group.share,
        len(group.stays),
        group.decisions,
        group.offered,
        own["acceptance"],
        own["value"],
        own.get(_REACHED),
    )


def _measures(
    group: Group, times: Mapping[CustomerId, Sequence[Micros]] | None
) -> dict[str, Measure]:
    takers = group.takers
    found = {
        "acceptance": Measure(group.acceptance, takers),
        "value": Measure(group.value, takers),
    }
    if times is not None:
        ratio = group.reaching(times)
        found[_REACHED] = Measure(ratio, round(ratio.estimate * ratio.customers))
    return found


def _times(journal: Path, wanted: frozenset[str]) -> dict[str, dict[CustomerId, list[Micros]]]:
    """When each customer had an interaction, ascending, by the types wanted."""
    times: dict[str, dict[CustomerId, list[Micros]]] = {kind: {} for kind in wanted}
    for _, line in past_entries(journal) if wanted else ():
        match line:
            case Event(body=Interaction(type=kind)) if kind in wanted:
                times[kind].setdefault(line.customer_id, []).append(line.time)
    for of_kind in times.values():
        for seen in of_kind.values():
            seen.sort()
    return times
