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
    EventId,
    Exposure,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    Measure,
    Micros,
    Response,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.model_spec import Reward
from engine.uplift.observing import HELD_OUT

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
    response = Response(
        exposure,
        body.outcome,
        body.value,
        _reward(incoming, body, exposure, book),
        _measure(body, exposure, book),
    )
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


def _measure(body: IncomingResponse, exposure: Exposure, book: RuleBook) -> Measure | None:
    """What is to be observed of whoever was shown a measured action; None if nothing says it was shown."""
    measured = book.measured.get(exposure.action_id)
    if measured is None or exposure.features is None or book.outcomes.get(body.outcome) is None:
        return None
    return Measure(measured.outcome, measured.within, treated=True)


def held_out(decision: Decision, book: RuleBook) -> list[Event]:
    """What a decision adds to the log for measured actions that only a holdout kept back.

    What the book does not measure (any more) is left out. It is an entry like that of a response, with the features the model saw: so applying and replaying
    it needs neither the decision nor the book, and its id makes sure that it counts once.
    """
    if not decision.held_out or decision.features is None:
        return []
    return [_held_out(decision, name, book) for name in decision.held_out if name in book.measured]


def _held_out(decision: Decision, name: ActionId, book: RuleBook) -> Event:
    measured = book.measured[name]
    exposure = Exposure(
        decision.decision_id,
        name,
        book.actions[measured.action].group,
        decision.channel,
        decision.placements[0].placement,
        decision.decided_at,
        0.0,
        0.0,
        decision.schema,
        decision.features,
    )
    measure = Measure(measured.outcome, measured.within, treated=False)
    return Event(
        EventId(f"{HELD_OUT}:{decision.decision_id}:{name}"),
        decision.customer_id,
        decision.decided_at,
        Response(exposure, HELD_OUT, 0.0, None, measure),
    )


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


def longest_window(book: RuleBook) -> Micros:
    """How long after a decision a response to it can still count, whatever it is."""
    models = (book.model, *book.models.others)
    own = [reward.window for model in models for reward in model.outcomes.values()]
    windows = (*own, *book.windows.values(), *(model.response_window for model in models))
    return max(window for window in windows if window is not None)


def unknown_decision(decision_id: DecisionId) -> InvalidInput:
    """What is said of a decision nobody remembers."""
    return _violation(
        "decision_id",
        f"no decision {decision_id!r} is remembered; send the `token` of the DecideResponse instead",
    )


def _violation(field: str, description: str) -> InvalidInput:
    return InvalidInput([Violation(f"response.{field}", description)])
