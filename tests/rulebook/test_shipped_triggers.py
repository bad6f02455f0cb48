"""The triggers of the books we ship: each goes off when it should, and then there is something to offer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from engine.model import DAY, HOUR, MINUTE, Customer, CustomerId, Event, EventId, Interaction, Value
from engine.topology import take_in
from engine.triggers.daily import round_at
from engine.triggers.triggers import SetOff, Triggers
from tests.builders import decide
from tests.rulebook.test_shipped_books import loaded, micros

NOON = micros("2026-11-20T12:00:00Z")
AGREED: dict[str, Value] = {"consent.marketing": True, "consent.channels": ["sms"]}
TELCO: dict[str, Value] = {**AGREED, "customer.age": 40, "customer.tenure_months": 30, "telco.plan": "M",
         "telco.contract": "month_to_month", "telco.monthly_charges": 40.0}  # fmt: skip
BANK: dict[str, Value] = {**AGREED, "customer.age": 40, "customer.tenure_months": 60, "bank.days_late": 0,
        "bank.late_payments_24m": 0, "bank.products": ["credit_card"]}  # fmt: skip
LATE: dict[str, Value] = {
    "bank.late_payments_24m": 1,
    "bank.days_late": 3,
    "bank.late_fee_open": 29.0,
}
HELD: dict[str, Value] = {"fraud.held_at": NOON, "fraud.held_amount": 310.0}


@dataclass(frozen=True)
class Story:
    """Something a customer does, again and again; which times set the trigger off, and what comes of it."""

    book: str
    trigger: str
    does: str
    offered: str
    customer: Mapping[str, Value]
    says: Mapping[str, Value] = field(default_factory=dict)
    times: tuple[int, ...] = (1,)
    of: int = 1


STORIES = [
    Story("telecom", "third_drop", "dropped_call", "apology_credit", TELCO, times=(3,), of=5),
    Story("telecom", "data_nearly_used", "usage_reported", "data_bundle_5gb", TELCO,
          {"telco.data_used_pct": 97.0}),
    Story("telecom", "about_to_leave", "cancel_page_visited", "save_discount", TELCO,
          {"request.reason": "cancel"}),
    Story("bank", "payment_held", "payment_held", "payment_held_notice", BANK | HELD),
    Story("bank", "declined_twice", "card_declined", "declined_card_help", BANK, times=(2,), of=4),
    Story("bank", "late_for_the_first_time", "payment_late", "late_fee_waiver", BANK, LATE),
]  # fmt: skip


def told(story: Story) -> list[SetOff]:
    """What is set off, one interaction after the other, the last of them at noon."""
    triggers = Triggers(loaded(story.book))
    customer = Customer(CustomerId("c"), dict(story.customer), updated_at=NOON - HOUR)
    found: list[SetOff] = []
    for n in range(1, story.of + 1):
        at = NOON - (story.of - n) * MINUTE
        event = Event(
            EventId(str(n)), customer.customer_id, at, Interaction(story.does, "app", story.says)
        )
        before = triggers.before(customer, event, at)
        take_in(customer, event)
        found += triggers.after(before, customer) if before else ()
    return found


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.trigger)
def test_it_goes_off_when_it_should(story: Story) -> None:
    assert [(one.trigger.name, one.event.event_id) for one in told(story)] == [
        (story.trigger, str(n)) for n in story.times
    ]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.trigger)
def test_then_there_is_something_to_offer(story: Story) -> None:
    (set_off,) = told(story)
    customer = Customer(CustomerId("c"), dict(story.customer), updated_at=NOON)
    for n in range(story.of):
        take_in(
            customer,
            Event(EventId(str(n)), customer.customer_id, NOON - n, Interaction(story.does)),
        )
    (placed,) = decide(loaded(story.book), set_off.question, customer, now=NOON).placements
    assert [offer.action_id for offer in placed.offers] == [story.offered]


def test_on_a_day_of_dropped_calls_the_trigger_of_data_stays_silent() -> None:
    triggers = Triggers(loaded("telecom"))
    customer = Customer(CustomerId("c"), TELCO, updated_at=NOON - HOUR)
    found: list[SetOff] = []
    for n, does in enumerate(["dropped_call"] * 3 + ["usage_reported"]):
        body = Interaction(does, "app", {"telco.data_used_pct": 97.0} if n == 3 else {})
        event = Event(EventId(str(n)), customer.customer_id, NOON + n, body)
        before = triggers.before(customer, event, NOON + n)
        take_in(customer, event)
        found += triggers.after(before, customer) if before else ()
    assert [one.trigger.name for one in found] == ["third_drop"]


BIRTH = {"customer.birth_date": micros("1986-11-20T00:00:00Z")}


def birthday(now: int) -> SetOff | None:
    """What the day sets off for a customer born on 20 November."""
    triggers = Triggers(loaded("telecom"))
    (trigger,) = (one for one in triggers.book.triggers if one.name == "birthday")
    assert trigger.daily is not None
    due = round_at(trigger, trigger.daily, now)
    assert due is not None
    customer = Customer(CustomerId("c"), {**TELCO, **BIRTH}, updated_at=NOON - HOUR)
    return triggers.on_day(trigger, due.day_for(customer.customer_id), customer, now)


def test_on_a_birthday_and_no_other_day_there_is_something_to_offer() -> None:
    assert birthday(NOON - DAY) is None
    assert birthday(NOON + DAY) is None
    set_off = birthday(NOON)
    assert set_off is not None
    customer = Customer(CustomerId("c"), {**TELCO, **BIRTH}, updated_at=NOON)
    (placed,) = decide(loaded("telecom"), set_off.question, customer, now=NOON).placements
    assert [offer.action_id for offer in placed.offers] == ["birthday_gift"]


def test_no_trigger_goes_untold() -> None:
    told_of = {(story.book, story.trigger) for story in STORIES} | {("telecom", "birthday")}
    shipped = {(name, t.name) for name in ("telecom", "bank") for t in loaded(name).triggers}
    assert shipped == told_of
