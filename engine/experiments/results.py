"""Results: what each trial shows, from the data directory of a service, running or not."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.rules.kept import kept_in, read_kept
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import BrokenRuleBook, InvalidInput, StorageError, Violation
from engine.evaluation.decisions import responses_in
from engine.experiments.counting import USUAL, Counting, Group
from engine.experiments.mismatch import Mismatch, mismatch
from engine.lift import Lift, Ratio
from engine.model import CustomerId, Event, Interaction, Micros
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing measured in a group, and how far the usual is above it (None for the usual itself)."""

    ratio: Ratio
    lift: Lift | None

    @classmethod
    def of(cls, own: Ratio, usual: Ratio | None) -> "Measure":
        """By the group's own figure and that of the usual, if there is one to compare with."""
        compared = usual is not None and min(own.customers, usual.customers) > 1
        return cls(own, Lift.of(usual, own) if compared and usual is not None else None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is not known is null."""
        low, high = self.ratio.interval
        known = self.ratio.customers > 1
        told: dict[str, Any] = {
            "estimate": self.ratio.estimate if self.ratio.customers else None,
            "interval": [low, high] if known else None,
        }
        lift = self.lift
        if lift is not None:
            told["usual_above_it"] = {
                "difference": lift.difference,
                "interval": [lift.low, lift.high],
                "relative": lift.relative,
                "relative_interval": None
                if lift.relative is None
                else [lift.relative_low, lift.relative_high],
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
    """One trial: its groups, the usual one first, and whether they are as large as they should be."""

    name: str
    outcomes: tuple[Outcome, ...]
    mismatch: Mismatch

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
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

    Decisions before `since` are left aside; `event` is the type of interactions to look for.

    Raises:
        InvalidInput: there is no such data directory or no book in it, or the book has no trials.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: something cannot be read.
    """
    book = _last(data) if book is None else book
    counting = Counting(book.trials, responses_in(data / JOURNAL).rewards)
    if not counting.groups:
        raise InvalidInput(
            [Violation("policies.yaml", "the rule book has no holdouts and no experiments")]
        )
    counting.note(past_decisions(data / DECISIONS), since)
    times = _times(data / JOURNAL, event) if event else None
    trials = tuple(_result(name, groups, times) for name, groups in counting.groups.items())
    return Results(counting.decisions, counting.strange, event, trials)


def _result(
    name: str, groups: Sequence[Group], times: Mapping[CustomerId, Sequence[Micros]] | None
) -> Result:
    usual = next((group for group in groups if group.name == USUAL), None)
    found = mismatch([len(group.stays) for group in groups], [group.share for group in groups])
    return Result(name, tuple(_outcome(group, usual, times) for group in groups), found)


def _outcome(
    group: Group, usual: Group | None, times: Mapping[CustomerId, Sequence[Micros]] | None
) -> Outcome:
    other = None if usual is group else usual
    reached = None
    if times is not None:
        reached = Measure.of(group.reaching(times), other.reaching(times) if other else None)
    return Outcome(
        group.name,
        group.share,
        len(group.stays),
        group.decisions,
        group.offered,
        Measure.of(group.acceptance, other.acceptance if other else None),
        Measure.of(group.value, other.value if other else None),
        reached,
    )


def _times(journal: Path, wanted: str) -> dict[CustomerId, list[Micros]]:
    """When each customer had an interaction of this type, ascending."""
    times: dict[CustomerId, list[Micros]] = {}
    for _, line in past_entries(journal):
        match line:
            case Event(body=Interaction(type=kind)) if kind == wanted:
                times.setdefault(line.customer_id, []).append(line.time)
    for seen in times.values():
        seen.sort()
    return times


def _last(data: Path) -> RuleBook:
    kept = kept_in(data)
    if kept is None:
        raise InvalidInput([Violation(str(data), "holds no rule book: name one with --rules")])
    try:
        loaded = load(read_kept(kept))
    except (OSError, zipfile.BadZipFile) as error:
        raise StorageError(f"{kept} cannot be read: {error}") from error
    if loaded.book is None:
        raise BrokenRuleBook(loaded.diagnostics)
    return loaded.book
