from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.interactions import MOST as MAX_INTERACTIONS
from engine.model import Customer, CustomerId, Event, Micros, ProfileUpdate, Value
from engine.topology import apply
from tests.happenings import interaction, response, update


def ada(*entries: Event | ProfileUpdate) -> Customer:
    customer = Customer(CustomerId("ada"))
    for entry in entries:
        apply(customer, entry)
    return customer


def profile(customer: Customer) -> tuple[Any, ...]:
    return customer.attributes, customer.updated_at, customer.as_of


def as_written(customer: Customer) -> dict[str, tuple[Value, Micros]]:
    return {
        name: (value, customer.as_of.get(name, customer.updated_at))
        for name, value in customer.attributes.items()
    }


values = st.one_of(st.none(), st.integers(0, 3))
updates = st.lists(
    st.tuples(st.integers(1, 99), st.dictionaries(st.sampled_from("abc"), values)),
    max_size=8,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: [ProfileUpdate(CustomerId("ada"), at, given) for at, given in pairs])


@settings(deadline=None)
@given(updates, st.data())
def test_profile_updates_may_come_in_any_order(
    entries: list[ProfileUpdate], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(entries), max_size=3)) if entries else []
    shuffled = data.draw(st.permutations(entries + again))
    assert profile(ada(*entries)) == profile(ada(*shuffled))


@settings(deadline=None)
@given(updates)
def test_each_attribute_has_its_latest_value_and_the_time_of_it(
    entries: list[ProfileUpdate],
) -> None:
    expected: dict[str, tuple[Value, Micros]] = {}
    for entry in sorted(entries, key=lambda entry: entry.time):
        for name, value in entry.attributes.items():
            expected[name] = (value, entry.time)
    expected = {name: pair for name, pair in expected.items() if pair[0] is not None}
    assert as_written(ada(*entries)) == expected


def test_an_older_update_that_comes_later_does_not_bring_back_what_was_removed() -> None:
    customer = ada(update(at=10, age=40), update(at=20, age=None), update(at=15, age=41))
    assert customer.attributes == {}


def test_of_two_updates_of_the_same_time_the_later_one_in_the_log_wins() -> None:
    assert ada(update(at=10, age=40), update(at=10, age=41)).attributes == {"age": 41}
    assert ada(update(at=10, age=40), update(at=10, age=None)).attributes == {}
    assert ada(update(at=10, age=None), update(at=10, age=41)).attributes == {"age": 41}


def test_attributes_that_are_not_mentioned_keep_their_value_and_age() -> None:
    customer = ada(update(at=10, age=40, plan="S"), update(at=20, plan="L"))
    assert as_written(customer) == {"age": (40, 10), "plan": ("L", 20)}


events = st.lists(
    st.builds(
        lambda n, at, what: interaction(f"e{n}", at=at, what=what),
        st.integers(0, 5),
        st.integers(0, 4),
        st.sampled_from(["visit", "call"]),
    ),
    max_size=10,
)


@settings(deadline=None)
@given(events, st.data())
def test_interactions_are_kept_once_and_in_the_order_of_time(
    entries: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(entries), max_size=5)) if entries else []
    customer = ada(*data.draw(st.permutations(entries + again)))
    assert customer.interactions == ada(*entries).interactions
    assert [past.time for past in customer.interactions] == sorted(
        past.time for past in customer.interactions
    )


def test_two_alike_at_the_same_moment_are_two() -> None:
    assert len(ada(interaction("e1"), interaction("e2")).interactions) == 2


def test_the_newest_interactions_are_kept_in_whatever_order_they_come() -> None:
    entries = [interaction(f"e{n}", at=n) for n in range(MAX_INTERACTIONS + 50)]
    customer = ada(*entries)
    assert [past.time for past in customer.interactions] == list(range(50, MAX_INTERACTIONS + 50))
    assert customer.interactions == ada(*reversed(entries)).interactions


def test_a_response_goes_into_the_interaction_history_and_teaches() -> None:
    customer = ada()
    lesson = apply(customer, response(outcome="accept", reward=1.0))
    assert lesson is not None
    assert (lesson.reward, lesson.taught, lesson.features) == (1.0, None, (1.0, "premium", None))
    assert customer.counts == {"accept": 1}
