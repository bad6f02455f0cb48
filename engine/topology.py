"""The topology: what each entry of the log does to its customer, the same on every edge.

State is a fold of `take_in` over the log. The embedded edge calls it in the order of its journal, a
cluster's workers in the order of their partition.
"""

from engine.interactions import past, remember
from engine.model import (
    Customer,
    Event,
    Interaction,
    Lesson,
    Micros,
    ProfileUpdate,
    Response,
    TrainingExample,
)
from engine.respond import respond
from engine.uplift.observing import observe


def take_in(customer: Customer, entry: Event | ProfileUpdate) -> tuple[Lesson, ...]:
    """Applies one entry of the log to its customer in place; returns all it teaches.

    That is what offers are taken up, and what they change (see `engine.uplift.observing`). All that
    `apply` promises holds for it.
    """
    lesson = apply(customer, entry)
    lessons: tuple[Lesson, ...] = () if lesson is None else (lesson,)
    return lessons + observe(customer, entry) if isinstance(entry, Event) else lessons


def apply(customer: Customer, entry: Event | ProfileUpdate) -> TrainingExample | None:
    """Applies one entry of the log to its customer in place; returns the lesson in it, if any.

    Applying an event again, or events in another order, leads to the same customer (`revision`
    aside). Profile updates may come in any order too: the one with the later `time` wins, attribute
    by attribute, and of two with the same time the one applied later. What was held out is no part of
    the interaction history: see `engine.uplift.observing`.
    """
    match entry:
        case ProfileUpdate():
            _update(customer, entry)
        case Event(body=Response(is_held_out=True)):
            return None
        case Event(body=Response() as response):
            return respond(customer, entry.time, response)
        case Event(body=Interaction() as interaction):
            remember(customer, past(entry.event_id, entry.time, interaction))
    return None


def _update(customer: Customer, update: ProfileUpdate) -> None:
    """Writes each attribute that was not written later; a removal leaves its time behind in `as_of`."""
    attributes, as_of, before = customer.attributes, customer.as_of, customer.updated_at
    if update.time > before:
        for name in attributes:
            as_of.setdefault(name, before)
        customer.updated_at = update.time
    for name, value in update.attributes.items():
        written = _written(customer, name)
        if written is not None and written > update.time:
            continue
        if value is None:
            attributes.pop(name, None)
            as_of[name] = update.time
        else:
            attributes[name] = value
            if update.time < customer.updated_at:
                as_of[name] = update.time
            else:
                as_of.pop(name, None)
    customer.revision += 1


def _written(customer: Customer, name: str) -> Micros | None:
    """When an attribute was last written or removed; None if never."""
    written = customer.as_of.get(name)
    if written is None and name in customer.attributes:
        return customer.updated_at
    return written
