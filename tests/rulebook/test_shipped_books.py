"""The two rule books we ship: free of mistakes, complete, and glad to be read."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.model import UNKNOWN, Stage, Value
from engine.rehearsal import Rehearsal, Verdict
from engine.rulebook.book import ActionClass, RuleBook, Truth
from engine.rulebook.case import Case
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load

RULES = Path(__file__).parents[2] / "rules"
BOOKS = ("telecom", "bank")
NOT_YET_ENFORCED = (
    "contact",
    "cap",
    "stream",
    "per_day",
)


@pytest.fixture(scope="module", params=BOOKS)
def book(request: pytest.FixtureRequest) -> RuleBook:
    return loaded(request.param)


@cache
def loaded(name: str) -> RuleBook:
    found = load(RULES / name)
    assert [str(d) for d in found.diagnostics if d.severity is Severity.ERROR] == []
    assert found.book is not None
    return found.book


def values(
    book: RuleBook, known: dict[str, Value], now: str = "2026-11-21T10:00:00Z"
) -> list[Value]:
    """What the rules see of somebody of whom only `known` is known."""
    known = {"now": micros(now), **known}
    assert known.keys() <= book.index.keys()
    return [
        known.get(a.name, UNKNOWN if a.default is UNKNOWN else a.default) for a in book.attributes
    ]


def micros(moment: str) -> int:
    return int(datetime.fromisoformat(moment).astimezone(UTC).timestamp()) * 1_000_000


def truth(book: RuleBook, owner: str, name: str, known: dict[str, Value], now: str) -> Truth:
    (condition,) = [c for c in book.conditions if (c.owner, c.name) == (owner, name)]
    return book.conditions_of(values(book, known, now))[condition.index]


def test_only_what_is_not_enforced_yet_is_remarked_upon(book: RuleBook) -> None:
    for notice in book.notices:
        if notice.file == "stop.yaml":
            continue
        assert "not enforced yet" in notice.message, str(notice)
        assert any(word in notice.message for word in NOT_YET_ENFORCED), str(notice)


def test_a_book_has_at_least_twelve_actions_of_every_class(book: RuleBook) -> None:
    assert len(book.actions) >= 12
    assert {action.action_class for action in book.actions} == set(ActionClass)


def test_conditions_stand_at_every_level(book: RuleBook) -> None:
    levels = {condition.level for condition in book.conditions}
    assert levels >= {"all_actions", "issue", "group", "action", "treatment", "arbitration"}


def test_every_placement_has_something_to_show_and_something_to_fall_back_on(
    book: RuleBook,
) -> None:
    assert {"web.home_hero", "web.account_cards", "ivr.main_prompt", "agent.desk"} <= set(
        book.placements
    )
    for placement in book.placements.values():
        assert placement.treatments
        assert set(placement.fallback) == set(placement.texts)


def test_slots_are_as_agreed_with_the_web_and_call_centre_teams(book: RuleBook) -> None:
    slots = {str(p.placement_id): p.slots for p in book.placements.values()}
    assert slots["web.home_hero"] == slots["ivr.main_prompt"] == 1
    assert slots["web.account_cards"] == slots["agent.desk"] == 3


def test_what_promotes_asks_for_consent(book: RuleBook) -> None:
    asking = {c.index for c in book.conditions if c.stage is Stage.CONSENT_AND_CONTACT}
    for action in book.actions:
        if action.action_class is ActionClass.PROMOTIONAL:
            assert asking.intersection(action.conditions), action.action_id


def test_what_is_mandatory_is_said_without_consent(book: RuleBook) -> None:
    asking = {c.index for c in book.conditions if c.stage is Stage.CONSENT_AND_CONTACT}
    for action in book.actions:
        if action.action_class is ActionClass.MANDATORY:
            assert not asking.intersection(action.conditions), action.action_id


def test_nobody_is_offered_anything_for_being_a_man_or_a_woman() -> None:
    book = loaded("telecom")
    assert "customer.gender" in book.index
    assert not [c.place for c in book.conditions if "customer.gender" in c.reads]
    assert "customer.gender" not in book.model.features
    assert "customer.*" not in book.model.features


BIRTHDAYS = [("telecom", "birthday_gift"), ("bank", "birthday_greeting")]


@pytest.mark.parametrize(("name", "action"), BIRTHDAYS)
@pytest.mark.parametrize(
    ("born", "now", "expected"),
    [
        ("1990-11-21", "2026-11-21T10:00:00Z", True),
        ("1990-11-21", "2026-11-20T23:59:59Z", False),
        ("1990-11-21", "2026-11-22T00:00:00Z", False),
        ("1990-10-21", "2026-11-21T10:00:00Z", False),  # the day, not the month
        ("1990-11-20", "2026-11-21T10:00:00Z", False),  # the month, not the day
        ("1990-07-10", "2026-07-09T23:30:00Z", True),  # half past midnight in Dublin
        ("1990-07-10", "2026-07-10T23:30:00Z", False),
        ("1996-02-29", "2028-02-29T12:00:00Z", True),  # a leap year has the day itself
        ("1996-02-29", "2028-02-28T12:00:00Z", False),
        ("1996-02-29", "2028-03-01T12:00:00Z", False),
        ("1996-02-29", "2027-02-28T12:00:00Z", True),  # the 28th stands in for it
        ("1996-02-29", "2027-03-01T12:00:00Z", False),
        ("1996-02-28", "2027-02-28T12:00:00Z", True),
        ("1960-12-31", "2026-12-31T23:59:59Z", True),
        ("1960-01-01", "2027-01-01T00:00:00Z", True),
    ],
)
def test_a_birthday_is_that_day_in_dublin(
    name: str, action: str, born: str, now: str, expected: bool
) -> None:
    book = loaded(name)
    known: dict[str, Value] = {"customer.birth_date": micros(f"{born}T00:00:00Z")}
    assert truth(book, action, "is_birthday", known, now) is expected


@pytest.mark.parametrize(("name", "action"), BIRTHDAYS)
def test_who_has_not_told_us_a_date_of_birth_has_no_birthday(name: str, action: str) -> None:
    assert truth(loaded(name), action, "is_birthday", {}, "2026-11-21T10:00:00Z") is not True


@pytest.mark.parametrize(
    ("topup", "worth"), [(10.0, 2.5), (25.0, 6.25), (60.0, 15.0), (400.0, 15.0)]
)
def test_the_reward_for_topping_up_grows_with_the_amount_up_to_a_limit(
    topup: float, worth: float
) -> None:
    book = loaded("telecom")
    (action,) = [a for a in book.actions if a.action_id == "topup_reward"]
    assert action.value.expression is not None
    numbers = book.numbers_of(values(book, {"telco.topup_month": topup}))
    assert numbers[action.value.expression] == pytest.approx(worth)


LOYAL: dict[str, Value] = {
    "customer.age": 58,
    "customer.tenure_months": 240,
    "bank.products": ("current_account", "credit_card"),
    "bank.late_fee_open": 29.0,
    "bank.days_late": 11,
    "bank.late_payments_24m": 1,
    "bank.card_limit": 4000.0,
    "bank.card_used_pct": 72.0,
    "consent.marketing": True,
    "consent.channels": ("agent",),
    "request.channel": "agent",
    "request.placement": "agent.desk",
    "request.reason": "fee",
}


def shown(book: RuleBook, known: dict[str, Value], placement: str) -> set[str]:
    seen = values(book, known)
    now = micros("2026-11-21T10:00:00Z")
    select = next(f for p, f in book.select_for.items() if p == placement)
    fitting = select(book.conditions_of(seen), seen, now)
    return {book.actions[book.treatments[t].action].action_id for t in fitting}


def test_the_loyal_cardholder_who_was_late_once_may_have_both() -> None:
    assert {"late_fee_waiver", "higher_limit"} <= shown(loaded("bank"), LOYAL, "agent.desk")


def test_who_is_late_every_other_month_may_have_neither_but_is_helped() -> None:
    late: dict[str, Value] = {**LOYAL, "bank.late_payments_24m": 6, "bank.days_late": 45}
    assert shown(loaded("bank"), late, "agent.desk") & {
        "late_fee_waiver",
        "higher_limit",
        "hardship_plan",
    } == {"hardship_plan"}


def test_nothing_is_sold_to_somebody_whose_payment_is_held() -> None:
    held: dict[str, Value] = {
        **LOYAL,
        "fraud.held_at": micros("2026-11-21T09:58:00Z"),
        "fraud.held_amount": 812.4,
    }
    offered = shown(loaded("bank"), held, "agent.desk")
    assert "payment_held_notice" in offered
    assert "higher_limit" not in offered


# --- the tests marketing wrote beside the rules --------------------------------------------------


def cases(name: str) -> list[Any]:
    found = load(RULES / name).cases
    return [pytest.param(name, case, id=f"{name}: {case.name}") for case in found]


@pytest.mark.parametrize(("name", "case"), [*cases("telecom"), *cases("bank")])
def test_a_story_ends_as_it_is_told(name: str, case: Case) -> None:
    result = Rehearsal(loaded(name), now=0).play(case)
    assert (result.verdict, result.shortfalls) == (Verdict.PASSED, ())


@pytest.mark.parametrize("name", BOOKS)
def test_every_story_names_its_time(name: str) -> None:
    assert [case.name for case in load(RULES / name).cases if case.now is None] == []
