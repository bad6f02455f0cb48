import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import Customer, CustomerId, Event, Response, TrainingExample
from engine.respond import MAX_TOUCHES, respond
from tests.happenings import exposure, response


def answer(customer: Customer, event: Event) -> TrainingExample | None:
    assert isinstance(event.body, Response)
    return respond(customer, event.time, event.body)


def ada() -> Customer:
    return Customer(CustomerId("ada"))


def story(customer: Customer) -> tuple[Any, ...]:
    return customer.touches, customer.counts, customer.last


responses = st.builds(
    lambda decision, action, outcome, reward, at, value: response(
        outcome=outcome,
        reward=reward,
        at=at,
        value=value,
        to=exposure(f"d{decision}", action, at=10 * (decision // 2)),
    ),
    st.integers(0, 4),
    st.sampled_from("ab"),
    st.sampled_from(["impression", "click", "accept", "not_delivered"]),
    st.sampled_from([None, 0.0, 0.2, 0.5, 1.0]),
    st.integers(0, 6),
    st.sampled_from([0.0, 5.0, 30.0]),
)


@settings(deadline=None)
@given(st.lists(responses, max_size=12), st.data())
def test_order_and_repetition_do_not_matter(events: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    shuffled = data.draw(st.permutations(events + again))
    one, other = ada(), ada()
    for event in events:
        answer(one, event)
    for event in shuffled:
        answer(other, event)
    assert story(one) == story(other)


@settings(deadline=None)
@given(st.lists(responses, max_size=12))
def test_the_lessons_of_an_offer_add_up_to_its_highest_reward(events: list[Event]) -> None:
    customer = ada()
    taught: dict[tuple[str, str], float] = {}
    best: dict[tuple[str, str], float] = {}
    missed: set[tuple[str, str]] = set()
    for event in events:
        assert isinstance(event.body, Response)
        offer = event.body.exposure.decision_id, event.body.exposure.action_id
        if event.body.outcome == "not_delivered":
            missed.add(offer)
        elif event.body.reward is not None:
            best[offer] = max(best.get(offer, 0.0), event.body.reward)
        lesson = answer(customer, event)
        if lesson is not None and lesson.taken_back:
            assert (lesson.reward, lesson.taught, taught.pop(offer)) == (0.0, 0.0, 0.0)
        elif lesson is not None:
            assert lesson.taught == taught.get(offer)
            assert lesson.taught is None or lesson.reward > lesson.taught
            taught[offer] = lesson.reward
    best = {offer: reward for offer, reward in best.items() if reward or offer not in missed}
    assert taught == best
    kept = {
        (t.decision_id, t.action_id): t.taught for t in customer.touches if t.taught is not None
    }
    assert kept == best


def test_the_history_is_in_the_order_of_the_decisions() -> None:
    customer = ada()
    for decision, at in (("d3", 30), ("d1", 10), ("d2", 20)):
        answer(customer, response(to=exposure(decision, at=at)))
    assert [touch.decision_id for touch in customer.touches] == ["d1", "d2", "d3"]


def test_an_outcome_keeps_its_earliest_time_and_last_its_latest() -> None:
    customer = ada()
    for at in (30, 10, 20):
        answer(customer, response(outcome="click", reward=0.2, at=at))
    assert customer.touches[0].outcomes == {"click": (10, 0.0)}
    assert customer.last == {"click": 30}
    assert customer.counts == {"click": 1}


def test_a_response_without_reward_is_remembered_but_teaches_nothing() -> None:
    customer = ada()
    assert answer(customer, response(outcome="not_delivered", reward=None)) is None
    assert customer.counts == {"not_delivered": 1}
    assert customer.touches[0].taught is None


def test_what_was_not_delivered_teaches_nothing_whenever_that_is_heard() -> None:
    shown, lost = response(), response(outcome="not_delivered", reward=None)
    early, late = ada(), ada()
    assert answer(early, lost) is None
    assert answer(early, shown) is None
    assert answer(late, shown) is not None
    taken_back = answer(late, lost)
    assert taken_back is not None
    assert taken_back.taken_back
    assert answer(late, response("e3", at=3_000)) is None
    assert early.touches[0].taught is late.touches[0].taught is None


def test_who_clicks_has_seen_it_whatever_is_said_of_its_delivery() -> None:
    lost, clicked = (
        response(outcome="not_delivered", reward=None),
        response(outcome="click", reward=0.2),
    )
    for first, second in ((lost, clicked), (clicked, lost)):
        customer = ada()
        answer(customer, first)
        answer(customer, second)
        assert customer.touches[0].taught == 0.2


def test_an_offer_the_model_was_not_asked_about_teaches_nothing() -> None:
    customer = ada()
    event = response(outcome="accept", reward=1.0, to=exposure(features=None))
    assert answer(customer, event) is None
    assert customer.touches[0].taught is None


def test_a_repetition_leaves_the_revision_as_it_is() -> None:
    customer = ada()
    answer(customer, response())
    before = customer.revision
    answer(customer, response())
    assert customer.revision == before


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_a_full_history_keeps_the_newest_offers_in_whatever_order_they_come(
    chance: random.Random,
) -> None:
    extra = 40
    events = [
        response(
            outcome=outcome,
            reward=reward,
            at=2 * n + (outcome == "click"),
            to=exposure(f"d{n}", at=n),
        )
        for n in range(MAX_TOUCHES + extra)
        for outcome, reward in (("impression", 0.0), ("click", 0.2))
        if outcome == "impression" or n % 3 == 0
    ]
    in_order, shuffled = ada(), ada()
    for event in events:
        answer(in_order, event)
    near_the_edge = events[: 6 * extra]
    chance.shuffle(near_the_edge)
    for event in events[6 * extra :] + near_the_edge:
        answer(shuffled, event)
    assert len(in_order.touches) == MAX_TOUCHES
    assert in_order.touches[0].decided_at == extra
    assert in_order.counts["impression"] == MAX_TOUCHES
    assert story(in_order) == story(shuffled)
