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
from engine.triggers.lookout import Lookout
from engine.triggers.triggers import SetOff, Triggers, note_of
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


COUNTED = {
    "events.drops_1d": {"type": "int", "default": 0, "from": {"event": "drop", "count": "1d"}}
}
THIRD = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"]}


def counting(**more):
    return Triggers(book(attributes=COUNTED, policies={"triggers": {"third": THIRD | more}}))


def test_where_events_are_counted_only_the_one_that_makes_it_true():
    drops = [happened("drop", n, at=NOW - HOUR + n) for n in range(1, 7)]
    assert names(seen(counting(), Customer(ANNA), *drops)) == [("third", "e3")]


def test_it_counts_by_the_clock_of_an_interaction_that_is_ahead():
    events = [happened("drop", n, at=NOW + n * SECOND) for n in (1, 2, 3, 4)]
    found = seen(counting(), Customer(ANNA), *events)
    assert names(found) == [("third", "e3")]
    assert found[0].question.context == {"events.drops_1d": 3}


def test_what_is_counted_of_other_interactions_need_not_have_changed():
    of = counting(on=["visit", "drop"], when="events.drops_1d < 3")
    visits = [happened("visit", 1), happened("drop", 2), happened("visit", 3)]
    assert names(seen(of, Customer(ANNA), *visits)) == [("third", "e1"), ("third", "e3")]


def test_three_are_three_in_whatever_order_they_are_reported():
    drops = [happened("drop", n, at=NOW - n * HOUR) for n in range(1, 5)]
    assert names(seen(counting(), Customer(ANNA), *drops)) == [("third", "e3")]


def test_once_the_window_has_passed_the_third_counts_again():
    of, anna = counting(), Customer(ANNA)
    for day in (0, 2):
        at = NOW + day * DAY
        drops = [happened("drop", 10 * day + n, at=at) for n in range(1, 5)]
        assert len(seen(of, anna, *drops, now=at)) == 1


def test_what_is_counted_is_not_taken_from_what_the_interaction_says():
    event = happened("drop", events__drops_1d=9)
    assert seen(counting(), Customer(ANNA), event) == []


@given(st.lists(st.integers(0, 40 * HOUR), max_size=12, unique=True))
def test_looked_at_later_without_what_came_after_it_is_as_it_was(ago):
    """The same triggers as if each had been looked at before and after it was applied."""
    drops = [happened("drop", n, at=NOW - one) for n, one in enumerate(ago)]
    then, anna = names(seen(counting(), Customer(ANNA), *drops)), Customer(ANNA)
    lookout = Lookout(counting().book, lambda: NOW)
    for drop in drops:
        take_in(anna, drop)
    later = {drop.event_id for drop in drops}
    for seq, drop in enumerate(drops):
        later.discard(drop.event_id)
        lookout.late(seq, anna, drop, later)
    assert names([due.set_off for due in lookout.due]) == then


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
