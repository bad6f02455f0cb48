"""Moments: every logged decision, with all customers as they were known at its time."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from engine.codec import DecisionRecord
from engine.learning.evidence import Evidence
from engine.model import Customer, CustomerId, Event, ProfileUpdate
from engine.topology import apply


class Moment(NamedTuple):
    """A decision, and the customers known then; both are to be used before the next one is asked for."""

    record: DecisionRecord
    people: Mapping[CustomerId, Customer]


def moments(
    records: Iterable[DecisionRecord],
    entries: Iterable[Event | ProfileUpdate],
    evidence: Evidence | None = None,
) -> Iterator[Moment]:
    """The decisions in their order, each after all that happened before it.

    An entry counts from the time it happened, also where it was reported later. What is seen of actions
    is noted in `evidence`, if there is any.
    """
    people: dict[CustomerId, Customer] = {}
    coming = iter(sorted(entries, key=lambda entry: entry.time))
    entry = next(coming, None)
    for record in records:
        while entry is not None and entry.time < record.decision.decided_at:
            name = entry.customer_id
            lesson = apply(people.setdefault(name, Customer(name)), entry)
            if lesson is not None and evidence is not None:
                evidence.note(lesson)
            entry = next(coming, None)
        yield Moment(record, people)
