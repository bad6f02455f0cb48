"""What becomes of who was shown a measured action and of who was held out, in whatever order it is told."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import decode_customer, decode_entry, encode_customer, encode_entry
from engine.model import (
    DAY,
    ActionId,
    Customer,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Exposure,
    Interaction,
    Measure,
    Micros,
    PlacementId,
    Response,
    UpliftLesson,
)
from engine.topology import apply
from engine.uplift.observing import MAX_OBSERVATIONS, observe

WITHIN = 30 * DAY


def shown(day: float, action: str = "save", *, treated: bool = True, told: float = 0.0) -> Event:
    """A decision of that day, by which somebody was shown an action, or would have been."""
    at = int(day * DAY)
    exposure = Exposure(
        DecisionId(f"d{at}"), ActionId(action), "save", "web", PlacementId("web.hero"),
        at, 1.0, 0.1, "s", [day],
    )  # fmt: skip
    measure = Measure("churned", WITHIN, treated)
    outcome = "impression" if treated else "held_out"
    body = Response(exposure, outcome, 0.0, 0.0 if treated else None, measure)
    return Event(EventId(f"{action}/{at}/{treated}"), CustomerId("ada"), at + int(told * DAY), body)


def left(day: float, kind: str = "churned") -> Event:
    """An interaction of that day."""
    at = int(day * DAY)
    return Event(EventId(f"{kind}/{at}"), CustomerId("ada"), at, Interaction(kind))


def told(events: Iterable[Event]) -> tuple[Customer, list[UpliftLesson]]:
    """A customer to whom all this happened, and the lessons in it."""
    customer = Customer(CustomerId("ada"))
    lessons: list[UpliftLesson] = []
    for event in events:
        apply(customer, event)
        lessons += observe(customer, event)
    return customer, lessons


def labels(lessons: Iterable[UpliftLesson]) -> list[tuple[bool, bool | None, bool]]:
    return [(lesson.treated, lesson.taught, lesson.happened) for lesson in lessons]


@pytest.mark.parametrize("treated", [True, False])
def test_silence_is_taught_at_once_and_corrected_when_it_ends(treated: bool) -> None:
    _, lessons = told([shown(3, treated=treated), left(20)])
    assert labels(lessons) == [(treated, None, False), (treated, False, True)]
    assert [lesson.features for lesson in lessons] == [[3], [3]]
    assert {(lesson.action_id, lesson.outcome) for lesson in lessons} == {("save", "churned")}


def test_what_is_known_already_is_taught_at_once() -> None:
    _, lessons = told([left(20), shown(3)])
    assert labels(lessons) == [(True, None, True)]


@pytest.mark.parametrize(("day", "happened"), [(2.9, False), (3, True), (33, True), (33.1, False)])
def test_the_outcome_counts_from_the_decision_until_the_time_is_over(
    day: float, happened: bool
) -> None:
    customer, _ = told([shown(3), left(day)])
    assert [seen.taught for seen in customer.observations] == [happened]


def test_other_interactions_do_not_count() -> None:
    assert labels(told([shown(3), left(4, "visit")])[1]) == [(True, None, False)]


def test_a_period_is_observed_once_and_lasts_from_its_last_offer() -> None:
    customer, lessons = told([shown(1), shown(2), shown(29), left(55), left(56)])
    assert labels(lessons) == [(True, None, False), (True, False, True)]
    [seen] = customer.observations
    assert (seen.first, seen.last) == (DAY, 29 * DAY)


def test_the_next_period_and_the_other_action_are_observations_of_their_own() -> None:
    customer, lessons = told([shown(1), shown(31), shown(2, "gift"), left(32)])
    assert len(customer.observations) == 3
    assert [lesson.happened for lesson in lessons] == [False, False, False, True, True]


def test_an_offer_whose_features_nobody_kept_is_not_observed() -> None:
    event = shown(1)
    assert isinstance(event.body, Response)
    blind = replace(event.body, exposure=replace(event.body.exposure, features=None))
    assert told([replace(event, body=blind)])[1] == []


def test_a_response_that_says_nothing_of_being_shown_is_not_observed() -> None:
    event = shown(1)
    assert isinstance(event.body, Response)
    assert told([replace(event, body=replace(event.body, measure=None))])[1] == []


def test_only_the_newest_are_kept_and_older_ones_teach_nothing() -> None:
    newest = [shown(30 * n) for n in range(1, MAX_OBSERVATIONS + 1)]
    customer, lessons = told([*newest, shown(0)])
    assert len(customer.observations) == len(lessons) == MAX_OBSERVATIONS
    customer, lessons = told([shown(0), *newest])
    assert len(customer.observations) == MAX_OBSERVATIONS
    assert customer.observations[0].first == 30 * DAY


# --- any order ------------------------------------------------------------------------------------

days = st.integers(0, 90)
happenings = st.lists(
    st.one_of(
        st.builds(shown, days, st.sampled_from(["save", "gift"]), treated=st.booleans()),
        st.builds(left, days),
        st.builds(left, days, st.just("visit")),
    ),
    max_size=12,
    unique_by=lambda event: event.event_id,
)


def state(customer: Customer) -> list[tuple[Any, ...]]:
    """All but which of a period's decisions was reported first."""
    return [
        (seen.action_id, seen.measure, seen.period, seen.first, seen.last, seen.taught)
        for seen in customer.observations
    ]


@settings(deadline=None)
@given(happenings, st.data())
def test_events_may_come_in_any_order_and_as_often_as_they_like(
    events: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    shuffled = data.draw(st.permutations(events + again))
    (one, lessons), (other, others) = told(events), told(shuffled)
    assert state(one) == state(other)
    assert final(lessons) == final(others)


def final(lessons: Iterable[UpliftLesson]) -> dict[tuple[Any, ...], int]:
    """What has been taught in the end: observations and outcomes, by action and arm."""
    found: dict[tuple[Any, ...], int] = {}
    for lesson in lessons:
        for key, n in (
            ((lesson.action_id, lesson.treated, "observed"), lesson.taught is None),
            ((lesson.action_id, lesson.treated, "happened"), lesson.happened - bool(lesson.taught)),
        ):
            found[key] = found.get(key, 0) + n
    return {key: n for key, n in found.items() if n}


@settings(deadline=None)
@given(happenings)
def test_each_observation_knows_whether_the_outcome_came(events: list[Event]) -> None:
    customer, _ = told(events)
    churned = [e.time for e in events if e.body == Interaction("churned")]
    for seen in customer.observations:
        mine = [e for e in events if is_of(e, seen.action_id, seen.measure, seen.period)]
        times = [e.body.exposure.decided_at for e in mine if isinstance(e.body, Response)]
        came = any(any(at <= c <= at + WITHIN for at in times) for c in churned)
        assert seen.taught == came


def is_of(event: Event, action: ActionId, measure: Measure, period: Micros) -> bool:
    body = event.body
    return (
        isinstance(body, Response)
        and body.exposure.action_id == action
        and body.measure == measure
        and body.exposure.decided_at // WITHIN == period
    )


@settings(deadline=None)
@given(happenings)
def test_it_survives_being_written_and_read(events: list[Event]) -> None:
    customer, lessons = told(events)
    assert decode_customer(encode_customer(customer)) == customer
    read = [decode_entry(*encode_entry(event)) for event in events]
    assert told([event for event in read if isinstance(event, Event)]) == (customer, lessons)
