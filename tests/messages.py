"""Messages of triggers, filled in where a test does not care."""

from engine.model import (
    ActionId,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    Interaction,
    Offer,
    PlacementId,
    PlacementOffers,
    Question,
    TreatmentId,
)
from engine.rulebook.trigger import Trigger
from engine.triggers.outbox import Outgoing, outgoing
from engine.triggers.triggers import SetOff
from tests.builders import NOW

CARE = PlacementId("sms.care")


def set_off(event_id: str = "e1", channel: str = "sms", rest: int = 0) -> SetOff:
    """A dropped call of Anna's has set off the trigger `sorry`."""
    trigger = Trigger(
        "sorry", "", ("dropped_call",), None, frozenset(), (CARE,), channel, rest, 0, ""
    )
    event = Event(EventId(event_id), CustomerId("anna"), NOW, Interaction("dropped_call", "app"))
    return SetOff(trigger, event, Question(event.customer_id, channel, (CARE,)))


def decision(channel: str = "sms", *, fallback: bool = False) -> Decision:
    """One offer, or the fallback."""
    offer = Offer(
        action_id=ActionId("credit"),
        treatment_id=TreatmentId("credit.sms"),
        issue="care",
        group="goodwill",
        rank=1,
        priority=0.5,
        propensity=0.25,
        value=2.0,
        probability=0.125,
        content={"message": "We are sorry."},
    )
    return Decision(
        decision_id=DecisionId("d1"),
        customer_id=CustomerId("anna"),
        request_id="",
        channel=channel,
        decided_at=NOW + 1,
        seed=1,
        placements=[PlacementOffers(CARE, [offer], fallback)],
        rulebook_version="b1",
        model_version="m1",
        holdout="",
        degraded=(),
        values=[],
        features=None,
        schema="",
    )


def message(event_id: str = "e1", channel: str = "sms") -> Outgoing:
    """What is sent to Anna for a dropped call."""
    found = outgoing(set_off(event_id, channel), decision(channel), b"\x00sealed\xff")
    assert found is not None
    return found
