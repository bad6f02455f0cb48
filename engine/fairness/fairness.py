"""Fairness: every sensitive attribute against everything offered, from a data directory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.edges.journal.past import past_decisions
from engine.edges.rules.last import last_book
from engine.edges.state.everybody import profiles
from engine.edges.state.names import DECISIONS
from engine.errors import InvalidInput, Violation
from engine.fairness.measures import (
    GINI,
    RATIO,
    Count,
    gini,
    lenient,
    rate_ratio,
    tellable,
    verdict,
)
from engine.fairness.people import People, Person
from engine.fairness.subjects import Chosen, Places, Subject, chosen
from engine.health.limits import Severity, worst
from engine.health.measures import Estimate
from engine.health.models import told
from engine.health.reading import Tell, silently, telling
from engine.health.seen import lessons_in
from engine.model import Micros, Value
from engine.rulebook.book import Attribute, Kind, RuleBook
from engine.rulebook.names import Names

MOST_VALUES: Final = 20
"""The most frequent values of a category that are looked at."""

_NUMBERS: Final = frozenset({Kind.INT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.DURATION})


@dataclass(frozen=True, slots=True)
class Disparity:
    """How one part of the customers fares with one subject.

    Attributes:
        category: the value of the attribute; empty for a number as a whole.
        measure: `offered` (of all who came by) or `took` (of all who were shown it).
        part: how many of the category, or of all for a number.
        others: the same for everybody else whose value is known; for a number those not selected.
        estimate: the rate ratio, for a number Gini's coefficient; None where too few are concerned.
    """

    attribute: str
    category: str
    measure: str
    subject: Subject
    part: Count
    others: Count
    estimate: Estimate | None
    severity: Severity

    @property
    def is_number(self) -> bool:
        """Whether `estimate` is Gini's coefficient."""
        return not self.category

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "attribute": self.attribute,
            "category": self.category or None,
            "measure": self.measure,
            "level": self.subject.level,
            "name": self.subject.name,
            "selected": self.part.selected,
            "customers": self.part.customers,
            "rate": self.part.rate,
            "rate_of_others": None if self.is_number else self.others.rate,
            "gini" if self.is_number else "rate_ratio": self.estimate and told(self.estimate),
            "severity": self.severity,
        }


@dataclass(frozen=True, slots=True)
class Fairness:
    """All disparities, and of how much they are told.

    Attributes:
        customers: who came by, outside of holdouts and experiments.
        unknown: of how many of them an attribute's value is not known, by attribute.
        from_profiles: values that no decision's record holds, so that those of today stand in.
    """

    customers: int
    unknown: dict[str, int]
    from_profiles: int
    disparities: tuple[Disparity, ...]

    @property
    def severity(self) -> Severity:
        """The worst of the disparities."""
        return worst(*(one.severity for one in self.disparities))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "severity": self.severity,
            "customers": self.customers,
            "unknown": self.unknown,
            "values_from_todays_profiles": self.from_profiles,
            "bands": {"rate_ratio": str(RATIO), "gini": str(GINI)},
            "disparities": [one.to_dict() for one in self.disparities],
        }


def fairness(
    data: Path,
    book: RuleBook | None = None,
    since: Micros = 0,
    also: Sequence[str] = (),
    tell: Tell = silently,
) -> Fairness:
    """How the decisions made at or after `since` that are still kept treat customers.

    Looked at are the attributes that the book (by default the one last in force) declares sensitive
    or protected, and those named in `also`.

    Raises:
        InvalidInput: this is no data directory, it keeps no book, or there is no such attribute.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: something cannot be read.
    """
    book = last_book(data) if book is None else book
    attributes = _looked_at(book, also)
    people = People(book, attributes)
    people.note(telling("decisions", past_decisions(data / DECISIONS, since), tell))
    people.answered(lessons_in(data, since, lambda more: tell("entries", more)))
    people.complete(profiles(data))
    persons = tuple(people.persons.values())
    subjects = chosen(persons, book)
    found = tuple(
        one for attribute in attributes for one in disparities_by(attribute, persons, subjects)
    )
    unknown = {a.name: sum(a.name not in person.known for person in persons) for a in attributes}
    return Fairness(len(persons), unknown, people.from_profiles, found)


def _looked_at(book: RuleBook, also: Sequence[str]) -> tuple[Attribute, ...]:
    names = Names.of("attribute", book.index)
    problems = [problem for name in also if (problem := names.problem(name))]
    if problems:
        raise InvalidInput([Violation("--attribute", problem) for problem in problems])
    found = tuple(a for a in book.attributes if a.protected or a.name in also)
    if not found:
        raise InvalidInput(
            [
                Violation(
                    "attributes.yaml",
                    "declares no attribute with sensitivity: sensitive or protected;"
                    " name one with --attribute",
                )
            ]
        )
    return found


def disparities_by(
    attribute: Attribute, persons: Sequence[Person], subjects: Mapping[Subject, Chosen]
) -> Iterator[Disparity]:
    """One attribute against all subjects, of which `subjects` says who had them (see `chosen`).

    The 20 most frequent values of a category are each compared with everybody else whose value is
    known; numbers, moments and lengths of time as a whole. What customers took is theirs to decide:
    it is never critical.
    """
    measured = _of_number if attribute.type.kind in _NUMBERS else _of_categories
    values = [person.known.get(attribute.name) for person in persons]
    everybody = np.arange(len(persons))
    for subject, places in subjects.items():
        for measure, base, selected in (
            ("offered", everybody, places.offered),
            ("took", places.shown, places.took),
        ):
            for one in measured(attribute.name, values, measure, subject, base, selected):
                yield one if measure == "offered" else replace(one, severity=lenient(one.severity))


def _of_number(
    name: str,
    values: Sequence[Value],
    measure: str,
    subject: Subject,
    base: Places,
    selected: Places,
) -> Iterator[Disparity]:
    numbers = np.array([_number(values[place]) for place in base.tolist()])
    known = np.isfinite(numbers)
    is_selected = np.isin(base, selected)[known].astype(np.float64)
    part = Count(int(is_selected.sum()), int(known.sum()))
    if part.customers:
        found = gini(numbers[known], is_selected)
        others = Count(part.customers - part.selected, part.customers)
        yield Disparity(name, "", measure, subject, part, others, found, verdict(GINI, found))


def _of_categories(
    name: str,
    values: Sequence[Value],
    measure: str,
    subject: Subject,
    base: Places,
    selected: Places,
) -> Iterator[Disparity]:
    customers = Counter(_category(values[place]) for place in base.tolist())
    chosen_ones = Counter(_category(values[place]) for place in selected.tolist())
    del customers[None], chosen_ones[None]
    whole = Count(chosen_ones.total(), customers.total())
    for category, count in customers.most_common(MOST_VALUES):
        part = Count(chosen_ones[category], count)
        others = Count(whole.selected - part.selected, whole.customers - part.customers)
        if category is None or not others.customers:
            continue
        found = rate_ratio(part, others) if tellable(part, others) else None
        severity = verdict(RATIO, found)
        yield Disparity(name, category, measure, subject, part, others, found, severity)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _category(value: Value) -> str | None:
    """A value as people write it; None where it is not known. Members of a list in alphabetic order."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(sorted(map(str, value))) or "(none)"
        case _:
            return str(value)
