"""Join: a reported response meets the decision it answers, and its reward is settled."""

from typing import Final

from engine.errors import InvalidInput, Violation
from engine.model import (
    MINUTE,
    ActionId,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    Exposure,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    Response,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.model_spec import Reward

_CLOCKS_DIFFER: Final = 5 * MINUTE


def joined(incoming: IncomingEvent, exposure: Exposure | None, book: RuleBook) -> Event:
    """The event as it is journaled, with all that applying and replaying it needs.

    `exposure` is what the response answers, None for an interaction. The reward is the declared one
    of the book in force, by the model set over the action. A response after its window (the outcome's
    own, else the model's), an outcome not declared or declared `null`, and an offer the model was not
    asked about teach nothing.

    Raises:
        InvalidInput: the response claims to be older than its decision, by more than clocks differ.
    """
    body = incoming.body
    if isinstance(body, Interaction):
        return Event(incoming.event_id, incoming.customer_id, incoming.time, body)
    if exposure is None:
        raise ValueError("a response is joined to its exposure before it is journaled")
    if incoming.time < exposure.decided_at - _CLOCKS_DIFFER:
        raise InvalidInput([Violation("time", "is before the decision this responds to")])
    response = Response(exposure, body.outcome, body.value, _reward(incoming, body, exposure, book))
    return Event(incoming.event_id, incoming.customer_id, incoming.time, response)


def _reward(
    incoming: IncomingEvent, body: IncomingResponse, exposure: Exposure, book: RuleBook
) -> float | None:
    if exposure.features is None:
        return None
    model = book.models.of(exposure.action_id, exposure.group) or book.model
    own = model.outcomes.get(body.outcome) or Reward(book.outcomes.get(body.outcome))
    window = own.window or book.windows.get(body.outcome) or model.response_window
    return own.worth if incoming.time - exposure.decided_at <= window else None


def exposure_of(decision: Decision, customer_id: CustomerId, action_id: ActionId) -> Exposure:
    """What learning needs of one offer of a decision that is still remembered.

    Raises:
        InvalidInput: the decision was another customer's, or did not offer this action.
    """
    if decision.customer_id != customer_id:
        raise _violation("decision_id", "belongs to another customer's decision")
    for placed in decision.placements:
        for offer in placed.offers:
            if offer.action_id == action_id and not placed.fallback:
                return Exposure(
                    decision.decision_id,
                    action_id,
                    offer.group,
                    decision.channel,
                    placed.placement,
                    decision.decided_at,
                    offer.probability,
                    offer.propensity,
                    decision.schema,
                    decision.features,
                )
    raise _violation("action_id", f"{action_id!r} was not offered by this decision")


def unknown_decision(decision_id: DecisionId) -> InvalidInput:
    """What is said of a decision nobody remembers."""
    return _violation(
        "decision_id",
        f"no decision {decision_id!r} is remembered; send the `token` of the DecideResponse instead",
    )


def _violation(field: str, description: str) -> InvalidInput:
    return InvalidInput([Violation(f"response.{field}", description)])
