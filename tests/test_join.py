from dataclasses import replace
from itertools import permutations

import pytest

from engine.errors import InvalidInput
from engine.join import exposure_of, joined, unknown_decision
from engine.model import (
    DAY,
    MINUTE,
    ActionId,
    CustomerId,
    DecisionId,
    EventId,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    Response,
)
from engine.topology import apply
from tests.builders import NOW, customer, decide
from tests.rulebook.builders import book

RULES = book(
    policies={
        "outcomes": {"impression": 0, "click": 0.2, "accept": 1, "not_delivered": None},
        "models": {
            "default": {
                "estimator": "hierarchical_logistic",
                "response_window": "7d",
                "features": ["customer.*"],
            }
        },
    }
)
DECISION = decide(RULES)
ANNA = CustomerId("anna")
BERT = CustomerId("bert")
EVENT = EventId("e1")
ACTION = DECISION.placements[0].offers[0].action_id


def response(outcome="click", *, time=NOW, features=True):
    """The reward of a response with this outcome at this time."""
    body = IncomingResponse(ACTION, b"", DECISION.decision_id, outcome, 2.5)
    exposure = exposure_of(DECISION, ANNA, ACTION)
    if not features:
        exposure = replace(exposure, features=None)
    return joined(IncomingEvent(EVENT, ANNA, time, body), exposure, RULES).body


def test_a_response_carries_its_exposure_and_its_reward():
    found = response()
    assert (found.outcome, found.value, found.reward) == ("click", 2.5, 0.2)
    assert found.exposure.decision_id == DECISION.decision_id
    assert found.exposure.features == DECISION.features
    assert found.exposure.probability == DECISION.placements[0].offers[0].probability


@pytest.mark.parametrize("outcome", ["not_delivered", "never_declared"])
def test_some_outcomes_teach_nothing(outcome):
    assert response(outcome).reward is None


def test_a_reward_of_zero_is_a_lesson():
    assert response("impression").reward == 0


def test_after_the_response_window_nothing_is_taught():
    assert response(time=NOW + 7 * DAY).reward == 0.2
    assert response(time=NOW + 7 * DAY + 1).reward is None


def test_nobody_responds_before_the_decision():
    assert response(time=NOW - 5 * MINUTE).reward == 0.2
    with pytest.raises(InvalidInput, match="before the decision"):
        response(time=NOW - 5 * MINUTE - 1)


def test_what_the_model_was_not_asked_about_teaches_nothing():
    assert response(features=False).reward is None


def test_an_interaction_needs_no_decision():
    happened = Interaction("dropped_call", "ivr")
    event = joined(IncomingEvent(EVENT, ANNA, NOW, happened), None, RULES)
    assert (event.event_id, event.body) == ("e1", happened)


def test_another_customers_decision_is_refused():
    with pytest.raises(InvalidInput, match="another customer"):
        exposure_of(DECISION, BERT, ACTION)


def test_an_action_that_was_not_offered_is_refused():
    with pytest.raises(InvalidInput, match="not offered"):
        exposure_of(DECISION, ANNA, ActionId("something_else"))


def test_a_fallback_was_no_offer():
    fallback = decide(RULES, who=customer(consent_marketing=False))
    with pytest.raises(InvalidInput, match="not offered"):
        exposure_of(fallback, ANNA, ActionId(""))


def test_an_unknown_decision_is_told_what_to_send_instead():
    assert "token" in str(unknown_decision(DecisionId("d9")))


# --- rewards and windows of single outcomes and models -------------------------------------------------

STAGES = book(
    policies={
        "outcomes": {"impression": 0, "click": 0.2, "accept": {"reward": 1, "window": "30d"}},
        "models": {
            "default": {"response_window": "7d", "features": ["customer.*"]},
            "keen": {
                "for": {"groups": ["save"]},
                "response_window": "2d",
                "outcomes": {"click": {"reward": 0.5, "window": "1d"}, "impression": None},
            },
        },
    }
)


def settled(outcome: str, after: int, action: str = "data_5gb") -> float | None:
    """The reward of an outcome so long after the decision."""
    decision = decide(STAGES)
    exposure = exposure_of(decision, ANNA, ActionId(action))
    body = IncomingResponse(ActionId(action), b"", decision.decision_id, outcome, 0.0)
    found = joined(IncomingEvent(EVENT, ANNA, NOW + after, body), exposure, STAGES).body
    assert isinstance(found, Response)
    return found.reward


@pytest.mark.parametrize(
    ("action", "outcome", "window", "reward"),
    [
        ("data_5gb", "click", 7 * DAY, 0.2),
        ("data_5gb", "accept", 30 * DAY, 1.0),
        ("stay", "click", DAY, 0.5),
        ("stay", "accept", 30 * DAY, 1.0),
    ],
)
def test_an_outcome_counts_for_as_long_as_it_or_its_model_says(action, outcome, window, reward):
    assert settled(outcome, window, action) == reward
    assert settled(outcome, window + 1, action) is None


def test_a_model_may_have_an_outcome_teach_nothing():
    assert settled("impression", 0) == 0.0
    assert settled("impression", 0, "stay") is None


@pytest.mark.parametrize(
    "order", list(permutations([("impression", 0), ("click", 3), ("accept", 20)]))
)
def test_in_whatever_order_two_stages_are_reported_the_same_reward_is_taught(order):
    """The click is within its week, the purchase within its month, both after the impression."""
    anna, taught = customer(), 0.0
    for outcome, days in order:
        exposure = exposure_of(decide(STAGES), ANNA, ActionId("data_5gb"))
        body = IncomingResponse(exposure.action_id, b"", exposure.decision_id, outcome, 0.0)
        incoming = IncomingEvent(EventId(outcome), ANNA, NOW + days * DAY, body)
        lesson = apply(anna, joined(incoming, exposure, STAGES))
        taught += 0.0 if lesson is None else lesson.reward - (lesson.taught or 0.0)
    assert taught == pytest.approx(1.0)
    assert anna.touches[0].taught == 1.0


def test_a_purchase_that_comes_too_late_leaves_the_click():
    anna = customer()
    for outcome, days in (("accept", 31), ("click", 3)):
        exposure = exposure_of(decide(STAGES), ANNA, ActionId("data_5gb"))
        body = IncomingResponse(exposure.action_id, b"", exposure.decision_id, outcome, 0.0)
        apply(
            anna,
            joined(IncomingEvent(EventId(outcome), ANNA, NOW + days * DAY, body), exposure, STAGES),
        )
    assert anna.touches[0].taught == 0.2
