"""Which triggers an interaction sets off, by what is known before and after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Customer,
    CustomerId,
    Event,
    EventId,
    Interaction,
    ProfileUpdate,
)
from engine.topology import take_in
from engine.triggers import SetOff, Triggers, note_of
from tests.builders import ADULT, NOW
from tests.rulebook.builders import book

ANNA = CustomerId("anna")
NEARLY_USED = {"on": "usage", "when": "telco.data_used_pct >= 80.0", "placements": ["web.hero"]}


def triggers(**written):
    """The triggers of the small book with these under `triggers`."""
    return Triggers(book(policies={"triggers": written}))


def happened(kind, number=1, *, at=NOW, **attributes):
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return Event(EventId(f"e{number}"), ANNA, at, Interaction(kind, "app", named))


def seen(of, customer, *events, now=NOW):
    """The triggers set off by each of the events, applied one after the other."""
    found: list[SetOff] = []
    for event in events:
        before = of.before(customer, event, now)
        take_in(customer, event)
        found += of.after(before, customer) if before else ()
    return found


def names(set_offs):
    return [(one.trigger.name, one.event.event_id) for one in set_offs]


@pytest.fixture
def anna():
    return Customer(ANNA, dict(ADULT), updated_at=NOW)


def test_an_interaction_of_its_type_sets_it_off(anna):
    of = triggers(cancel={"on": "cancel_page_visited", "placements": ["web.hero"]})
    found = seen(of, anna, happened("page_visited", 1), happened("cancel_page_visited", 2))
    assert names(found) == [("cancel", "e2")]


def test_it_may_listen_to_several_types(anna):
    of = triggers(leaving={"on": ["cancel_page_visited", "port_out"], "placements": ["web.hero"]})
    found = seen(of, anna, happened("port_out", 1), happened("cancel_page_visited", 2))
    assert names(found) == [("leaving", "e1"), ("leaving", "e2")]


def test_nobody_listens_to_updates_and_other_types(anna):
    of = triggers(t=NEARLY_USED)
    assert of.before(anna, ProfileUpdate(ANNA, NOW, {"telco.data_used_pct": 99.0}), NOW) is None
    assert of.before(anna, happened("call"), NOW) is None


@pytest.mark.parametrize(
    ("used", "fires"), [(90.0, True), (80.0, True), (79.0, False), (None, False)]
)
def test_its_condition_must_be_definitely_true_of_the_profile(anna, used, fires):
    if used is not None:
        anna.attributes["telco.data_used_pct"] = used
    assert bool(seen(triggers(t=NEARLY_USED), anna, happened("usage"))) == fires


def test_what_the_interaction_says_counts_and_goes_into_the_question(anna):
    anna.attributes["telco.data_used_pct"] = 10.0
    event = happened("usage", telco__data_used_pct=85.0, not_declared=1)
    (found,) = seen(triggers(t=NEARLY_USED), anna, event)
    assert found.question.context == {"telco.data_used_pct": 85.0}
    assert (found.question.channel, found.question.placements) == ("web", ("web.hero",))
    assert found.question.request_id == found.name == "trigger:t:e1"


def test_what_is_unknown_sets_nothing_off(anna):
    of = triggers(t={"on": "call", "when": "customer.age > 17", "placements": ["web.hero"]})
    del anna.attributes["customer.age"]
    assert seen(of, anna, happened("call")) == []


def test_where_events_are_counted_only_the_one_that_makes_it_true():
    """Here the count is what the interaction says; who keeps it does not matter to the trigger."""
    counted = {"events.drops_1d": {"type": "int", "from": {"event": "drop", "count": "1d"}}}
    asked = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"]}
    of = Triggers(book(attributes=counted, policies={"triggers": {"third": asked}}))
    assert of.book.triggers[0].counts
    event, anna = happened("drop"), Customer(ANNA)
    for before, after, fires in ((1, 2, 0), (2, 3, 1), (3, 4, 0), (0, 9, 1)):
        anna.attributes["events.drops_1d"] = before
        stood = of.before(anna, event, NOW)
        anna.attributes["events.drops_1d"] = after
        assert len(of.after(stood, anna) if stood else ()) == fires


def test_an_old_interaction_sets_nothing_off(anna):
    of = triggers(t={"on": "call", "placements": ["web.hero"], "max_age": "1h"})
    assert seen(of, anna, happened("call", at=NOW - HOUR - 1)) == []
    assert len(seen(of, anna, happened("call", 2, at=NOW - HOUR))) == 1


@given(st.integers(0, 3 * DAY), st.integers(1, 48))
def test_it_rests_after_an_offer_and_no_longer(passed, hours):
    of = triggers(t={"on": "call", "placements": ["web.hero"], "rest": f"{hours}h"})
    anna = Customer(ANNA)
    (first,) = seen(of, anna, happened("call", 1))
    take_in(anna, note_of(first, NOW + SECOND))
    later = NOW + SECOND + passed
    again = seen(of, anna, happened("call", 2, at=later), now=later)
    assert bool(again) == (passed >= hours * HOUR)


def test_without_rest_each_one_sets_it_off(anna):
    of = triggers(t={"on": "call", "placements": ["web.hero"]})
    (first,) = seen(of, anna, happened("call", 1))
    take_in(anna, note_of(first, NOW))
    later = NOW + MINUTE
    assert len(seen(of, anna, happened("call", 2, at=later), now=later)) == 1


def test_the_note_of_one_trigger_is_not_that_of_another(anna):
    rest = {"on": "call", "placements": ["web.hero"], "rest": "7d"}
    of = triggers(a=rest, b=rest)
    first, second = seen(of, anna, happened("call", 1))
    take_in(anna, note_of(first, NOW))
    assert names(seen(of, anna, happened("call", 2))) == [("b", "e2")]
    assert second.trigger.name == "b"


def test_the_note_sets_nothing_off(anna):
    of = triggers(t={"on": "call", "placements": ["web.hero"]})
    (first,) = seen(of, anna, happened("call", 1))
    assert of.before(anna, note_of(first, NOW), NOW) is None
