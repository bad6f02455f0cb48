from dataclasses import replace

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
)
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
