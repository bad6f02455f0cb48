"""Builders of what happens to customers: events, profile updates, decisions; they fill what does not matter."""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.codec import DecisionRecord
from engine.model import (
    ActionId,
    Contest,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    Exposure,
    Interaction,
    Offer,
    PlacementId,
    PlacementOffers,
    ProfileUpdate,
    Question,
    Response,
    TreatmentId,
    Value,
)

HOME = PlacementId("web.home_hero")


def exposure(
    decision: str = "d1",
    action: str = "bundle",
    *,
    at: int = 1_000,
    features: Sequence[Value] | None = (1.0, "premium", None),
) -> Exposure:
    return Exposure(
        DecisionId(decision), ActionId(action), "bundles", "web", HOME, at, 0.5, 0.1, "s1", features
    )


def response(
    event_id: str = "e1",
    customer: str = "ada",
    *,
    outcome: str = "impression",
    reward: float | None = 0.0,
    at: int = 2_000,
    value: float = 0.0,
    to: Exposure | None = None,
) -> Event:
    body = Response(to or exposure(), outcome, value, reward)
    return Event(EventId(event_id), CustomerId(customer), at, body)


def interaction(
    event_id: str = "e1",
    customer: str = "ada",
    *,
    at: int = 2_000,
    what: str = "dropped_call",
    **attributes: Value,
) -> Event:
    return Event(EventId(event_id), CustomerId(customer), at, Interaction(what, "ivr", attributes))


def update(customer: str = "ada", *, at: int = 1_000, **attributes: Value) -> ProfileUpdate:
    return ProfileUpdate(CustomerId(customer), at, attributes)


def decision(
    decision_id: str = "d1",
    *,
    request_id: str = "",
    at: int = 1_000,
    values: Sequence[Value] = (1, 2.0, "premium", None),
    content: Mapping[str, str] | None = None,
    actions: int = 3,
) -> DecisionRecord:
    ids = (CustomerId("ada"), request_id)
    offer = Offer(
        ActionId("bundle"),
        TreatmentId("bundle.web"),
        "grow",
        "bundles",
        1,
        1.5,
        0.1,
        15.0,
        0.9,
        content or {"headline": "Nearly out of data?"},
    )
    contest = Contest(
        HOME,
        np.arange(actions)[::-1].astype(np.intp),
        np.linspace(3.0, 1.0, actions),
        np.linspace(0.1, 0.2, actions),
        np.ones(actions),
        np.full(actions, 15.0),
        np.full(actions, 1.2),
    )
    return DecisionRecord(
        Question(ids[0], "web", (HOME,), {"request.reason": "fee"}, request_id),
        Decision(
            DecisionId(decision_id),
            *ids,
            "web",
            at,
            2**64 - 1,
            [PlacementOffers(HOME, [offer], fallback=False)],
            "book",
            "model",
            "",
            (),
            values,
            (1.0, "premium"),
            "s1",
            (contest,),
        ),
    )
