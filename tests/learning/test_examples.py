from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.learning.examples import digest, examples
from engine.model import Customer, CustomerId, Event, Response
from engine.respond import respond
from tests.happenings import exposure, interaction, response

OUTCOMES = {
    "impression": 0.0,
    "click": 0.2,
    "accept": 1.0,
    "reject": 0.0,
    "asked_for_more": 0.5,
    "not_delivered": None,
    "undeclared": None,
}

events = st.builds(
    lambda number, decision, action, outcome, late, at, value: response(
        f"e{number}",
        f"c{decision % 2}",
        outcome=outcome,
        reward=None if late else OUTCOMES[outcome],
        at=at,
        value=value,
        to=exposure(
            f"d{decision}", action, at=10 * (decision // 2), features=[decision, None, "S"]
        ),
    ),
    st.integers(0, 99),
    st.integers(0, 4),
    st.sampled_from("ab"),
    st.sampled_from(sorted(OUTCOMES)),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([0.0, 5.0]),
)


def learned(happened: Iterable[Event]) -> dict[tuple[str, str], float]:
    """What the lessons of the fold add up to, by offer; what was taken back is not there."""
    customers: dict[str, Customer] = {}
    sums: dict[tuple[str, str], float] = {}
    for event in happened:
        customer = customers.setdefault(event.customer_id, Customer(event.customer_id))
        assert isinstance(event.body, Response)
        lesson = respond(customer, event.time, event.body)
        if lesson is None:
            continue
        offer = lesson.decision_id, lesson.action_id
        if lesson.taken_back:
            assert sums.pop(offer) == lesson.taught
        else:
            assert sums.get(offer) == lesson.taught
            sums[offer] = lesson.reward
    return sums


@settings(deadline=None)
@given(st.lists(events, max_size=14), st.data())
def test_any_order_and_any_repetition_give_the_same_examples_to_the_byte(
    happened: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(happened), max_size=8)) if happened else []
    shuffled = data.draw(st.permutations(happened + again))
    assert digest(examples(shuffled)) == digest(examples(happened))


@settings(deadline=None)
@given(st.lists(events, max_size=14))
def test_the_lessons_add_up_to_the_examples(happened: list[Event]) -> None:
    found = {(one.decision_id, one.action_id): one.reward for one in examples(happened)}
    assert learned(happened) == found


def rewards(*happened: Event) -> list[float]:
    return [example.reward for example in examples(happened)]


def test_an_offer_is_one_example_with_the_best_it_earned() -> None:
    shown, clicked = response(), response("e2", outcome="click", reward=0.2)
    assert rewards(shown) == [0.0]
    assert rewards(clicked, shown) == rewards(shown, clicked) == [0.2]


def test_what_nobody_saw_is_no_example() -> None:
    assert rewards(interaction(), response(outcome="undeclared", reward=None)) == []
    assert rewards(response(), response("e2", outcome="not_delivered", reward=None)) == []


def test_the_record_of_a_household_teaches_nothing() -> None:
    assert rewards(response(to=exposure(features=None), reward=None)) == []


def test_examples_differ_where_anything_does() -> None:
    one, other = response(reward=0.0), response(reward=0.2)
    assert digest(examples([one])) != digest(examples([other]))


def test_features_are_named_where_their_schema_is_known() -> None:
    [example] = examples([response()])
    told: dict[str, Any] = example.to_dict({"s1": ("age", "segment", "plan")})
    assert told["features"] == {"age": 1.0, "segment": "premium", "plan": None}
    assert example.to_dict({})["features"] == [1.0, "premium", None]
    assert told["customer_id"] == CustomerId("ada")
