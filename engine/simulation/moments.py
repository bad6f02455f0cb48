"""Moments: every logged decision, with all customers as they were known at its time."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from engine.codec import DecisionRecord
from engine.model import Customer, CustomerId, Event, ProfileUpdate
from engine.topology import apply


class Moment(NamedTuple):
    """A decision, and the customers known then; both are to be used before the next one is asked for."""

    record: DecisionRecord
    people: Mapping[CustomerId, Customer]


def moments(
    records: Iterable[DecisionRecord], entries: Iterable[Event | ProfileUpdate]
) -> Iterator[Moment]:
    """The decisions in their order, each after all that happened before it.

    An entry counts from the time it happened, also where it was reported later.
    """
    people: dict[CustomerId, Customer] = {}
    coming = iter(sorted(entries, key=lambda entry: entry.time))
    entry = next(coming, None)
    for record in records:
        while entry is not None and entry.time < record.decision.decided_at:
            name = entry.customer_id
            apply(people.setdefault(name, Customer(name)), entry)
            entry = next(coming, None)
        yield Moment(record, people)
