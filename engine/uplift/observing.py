"""Observe: what becomes of customers who were shown a measured action, and of those it was kept from.

Order and repetition do not matter here either: the periods, first and last decisions and outcomes of a
customer's observations are sets, minima and maxima, and so is what has been learned of them in the
end. A customer keeps the newest `MAX_OBSERVATIONS`; to an older one nothing is added, since whether it
has been learned already cannot be known any more.
"""

from bisect import bisect_left, insort
from typing import Final

from engine.model import (
    ActionId,
    Customer,
    Event,
    Exposure,
    Interaction,
    Measure,
    Micros,
    Observation,
    PastInteraction,
    Response,
    UpliftLesson,
)

HELD_OUT: Final = "held_out"
"""The outcome of an offer that would have been made, and was not, so that its effect can be measured."""

MAX_OBSERVATIONS: Final = 24
"""Observations kept of a customer."""


def observe(customer: Customer, event: Event) -> tuple[UpliftLesson, ...]:
    """What an event, already applied to its customer, tells of what actions change; in place.

    The first exposure of a period teaches what is known by then, mostly that the outcome did not
    happen; that it does, from the period's first exposure until `within` after its last, is the
    correction. So nothing waits for a period to end, and what never happens has been learned.
    """
    match event.body:
        case Response(measure=Measure() as measure) as response:
            return _exposed(customer, response.exposure, measure)
        case Interaction(type=outcome):
            found = [
                lesson
                for seen in customer.observations
                if seen.measure.outcome == outcome
                for lesson in _learned(customer, seen)
            ]
            return tuple(found)
    return ()


def _exposed(customer: Customer, exposure: Exposure, measure: Measure) -> tuple[UpliftLesson, ...]:
    at, period = exposure.decided_at, exposure.decided_at // measure.within
    for seen in customer.observations:
        if (seen.action_id, seen.measure, seen.period) == (exposure.action_id, measure, period):
            if seen.first <= at <= seen.last:
                return ()
            customer.observations.remove(seen)
            seen.first, seen.last = min(seen.first, at), max(seen.last, at)
            insort(customer.observations, seen, key=_order)
            customer.revision += 1
            return _learned(customer, seen)
    if exposure.features is None:
        return ()
    return _opened(
        customer,
        Observation(
            exposure.action_id, measure, period, at, at, exposure.schema, exposure.features
        ),
    )


def _opened(customer: Customer, seen: Observation) -> tuple[UpliftLesson, ...]:
    """Takes up a new observation, with its first lesson; none if it lies too far back."""
    kept = customer.observations
    if len(kept) >= MAX_OBSERVATIONS:
        if _order(seen) < _order(kept[0]):
            return ()
        del kept[0]
    insort(kept, seen, key=_order)
    customer.revision += 1
    seen.taught = _happened(customer, seen)
    return (_lesson(seen, None),)


def _learned(customer: Customer, seen: Observation) -> tuple[UpliftLesson, ...]:
    """That the outcome came after all, if it has and was not learned yet."""
    if seen.taught or not _happened(customer, seen):
        return ()
    seen.taught = True
    customer.revision += 1
    return (_lesson(seen, False),)


def _happened(customer: Customer, seen: Observation) -> bool:
    """Whether the outcome is among the customer's interactions of that time."""
    until = seen.last + seen.measure.within
    interactions = customer.interactions
    at = bisect_left(interactions, PastInteraction(seen.first, "", ""))
    while at < len(interactions) and interactions[at].time <= until:
        if interactions[at].type == seen.measure.outcome:
            return True
        at += 1
    return False


def _lesson(seen: Observation, taught: bool | None) -> UpliftLesson:
    measure = seen.measure
    return UpliftLesson(
        seen.action_id,
        measure.outcome,
        measure.treated,
        seen.schema,
        seen.features,
        seen.taught,
        taught,
    )


def _order(seen: Observation) -> tuple[Micros, ActionId, bool]:
    return seen.first, seen.action_id, seen.measure.treated
