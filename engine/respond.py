"""Respond: what a customer did with an offer enters their history, and says what is to be learned.

Order and repetition do not matter. However a customer's responses arrive, they end in the same
interaction history, counts, last times and taught rewards, because each of these is a maximum, a
minimum or a set. That holds for the bounded history too: a customer keeps the newest `MAX_TOUCHES`
offers, and what is newest does not depend on the order of arrival. A response to an offer older than
a full history reaches back to still counts as the outcome's `last` time, but is neither kept nor
taught: whether it has been learned already cannot be known any more.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from engine.model import (
    NOT_DELIVERED,
    ActionId,
    Customer,
    DecisionId,
    Exposure,
    Micros,
    Response,
    Touch,
    TrainingExample,
    Value,
)

MAX_TOUCHES: Final = 1_000
"""Offers kept in a customer's interaction history."""


def respond(customer: Customer, event_time: Micros, response: Response) -> TrainingExample | None:
    """Applies `response`, given at `event_time`, to `customer` in place; returns the lesson in it.

    The first response with a reward teaches it as the label; a later one teaches the correction to
    a higher reward and nothing otherwise (the fake-negative idea of Ktena et al., "Addressing delayed
    feedback for continuous training with neural networks in CTR prediction", RecSys 2019, taken as
    an exact difference of two gradients). Whoever reports an offer as shown and then as not delivered
    has the lesson taken back, unless something else shows that it was seen. None if there is nothing
    to learn.

    All responses to one offer must carry the same exposure, as those joined to one decision do.

    >>> from engine.model import *
    >>> exposure = Exposure(DecisionId("d1"), ActionId("a"), "g", "web", PlacementId("p"), 5, 1.0, 0.1, "s", [1])
    >>> customer = Customer(CustomerId("ada"))
    >>> respond(customer, 7, Response(exposure, "click", 0.0, 0.2)).reward
    0.2
    >>> respond(customer, 6, Response(exposure, "impression", 0.0, 0.0)) is None
    True
    >>> lesson = respond(customer, 9, Response(exposure, "accept", 30.0, 1.0))
    >>> lesson.taught, lesson.reward, customer.counts
    (0.2, 1.0, {'click': 1, 'impression': 1, 'accept': 1})
    """
    last = customer.last.get(response.outcome)
    if last is None or event_time > last:
        customer.last[response.outcome] = event_time
        customer.revision += 1
    touch = _touch(customer, response.exposure)
    if touch is None:
        return None
    _note(customer, touch, event_time, response)
    lesson = _lesson(touch, response)
    if lesson is not None:
        customer.revision += 1
    return lesson


def _touch(customer: Customer, exposure: Exposure) -> Touch | None:
    """The line of the history this exposure stands for, new if need be; None if it lies too far back."""
    touches = customer.touches
    key = (exposure.decided_at, exposure.decision_id, exposure.action_id)
    at = bisect_left(touches, key, key=_order)
    if at < len(touches) and _order(touches[at]) == key:
        return touches[at]
    if len(touches) >= MAX_TOUCHES:
        if at == 0:
            return None
        _forget_oldest(customer)
        at -= 1
    touch = Touch(
        exposure.decision_id,
        exposure.action_id,
        exposure.channel,
        exposure.placement,
        exposure.decided_at,
    )
    touches.insert(at, touch)
    customer.revision += 1
    return touch


def _order(touch: Touch) -> tuple[Micros, DecisionId, ActionId]:
    return touch.decided_at, touch.decision_id, touch.action_id


def _forget_oldest(customer: Customer) -> None:
    for outcome in customer.touches.pop(0).outcomes:
        left = customer.counts[outcome] - 1
        if left:
            customer.counts[outcome] = left
        else:
            del customer.counts[outcome]


def _note(customer: Customer, touch: Touch, event_time: Micros, response: Response) -> None:
    """Keeps the outcome's earliest report; of two at the same time, the one of greater value."""
    outcome, value = response.outcome, response.value
    known = touch.outcomes.get(outcome)
    if known is None:
        customer.counts[outcome] = customer.counts.get(outcome, 0) + 1
    elif (event_time, -value) >= (known[0], -known[1]):
        return
    touch.outcomes[outcome] = (event_time, value)
    customer.revision += 1


def _lesson(touch: Touch, response: Response) -> TrainingExample | None:
    """What is to be learned now, so that in the end all that was learned is `label` of what came."""
    exposure, taught = response.exposure, touch.taught
    if exposure.features is None:
        return None
    if response.outcome == NOT_DELIVERED:
        if taught != 0.0:
            return None
        touch.taught = None
        return _example(exposure, exposure.features, 0.0, 0.0, taken_back=True)
    if response.reward is None:
        return None
    known = response.reward if taught is None else max(taught, response.reward)
    reward = label(known, NOT_DELIVERED in touch.outcomes)
    if reward is None or (taught is not None and reward <= taught):
        return None
    touch.taught = reward
    return _example(exposure, exposure.features, reward, taught)


def label(reward: float | None, not_delivered: bool) -> float | None:
    """What an offer teaches in the end, given its highest reward and whether it was not delivered.

    None if nothing: nobody reported that it was seen, or `not_delivered` was reported and nothing
    that only somebody who saw it could have done.

    >>> label(0.0, False), label(0.0, True), label(0.2, True), label(None, False)
    (0.0, None, 0.2, None)
    """
    return None if not_delivered and not reward else reward


def _example(
    exposure: Exposure,
    features: Sequence[Value],
    reward: float,
    taught: float | None,
    *,
    taken_back: bool = False,
) -> TrainingExample:
    return TrainingExample(
        exposure.decision_id,
        exposure.action_id,
        exposure.group,
        exposure.channel,
        exposure.schema,
        features,
        reward,
        taught,
        taken_back,
    )
