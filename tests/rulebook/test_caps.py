"""Caps and budgets: what becomes of what is written, and what is said of what is wrong."""

from typing import Any

import pytest

from engine.model import DAY, MINUTE
from engine.rulebook.cap import MONEY, Cap, Period
from engine.rulebook.load import load
from tests.rulebook.builders import action, book, files


def caps(written: dict[str, Any], **keys: Any) -> tuple[Cap, ...]:
    return book(actions=[action("a", caps=written, **keys)]).caps


def shared(written: dict[str, Any], **policies: Any) -> tuple[Cap, ...]:
    return book(policies={"caps": {"c": written}, **policies}).caps


def said(written: dict[str, Any], **keys: Any) -> list[str]:
    loaded = load(files(actions=[action("a", caps=written, **keys)]))
    return [str(one) for one in loaded.diagnostics]


def test_each_number_becomes_a_cap_of_its_own():
    budget = {"amount": 1000, "currency": "EUR", "cost_each": 2.5, "per": "month"}
    made = caps({"per_day": 30, "total": 900, "hold": "2h", "budget": budget})
    assert [(c.key, c.limit) for c in made] == [
        ("a/offers/day", 30),
        ("a/offers/total", 900),
        ("a/EUR/month", 1000 * MONEY),
    ]
    assert {c.hold for c in made} == {120 * MINUTE}
    assert made[2].cost is not None
    assert made[2].cost.units == 25_000
    assert [c.code for c in made] == ["cap.a", "cap.a", "budget.a"]


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ({}, {"data_5gb.web", "data_5gb.web_plain", "data_5gb.ivr", "stay.web"}),
        ({"issue": "retain"}, {"stay.web"}),
        ({"group": "bundles"}, {"data_5gb.web", "data_5gb.web_plain", "data_5gb.ivr"}),
        ({"action": "stay"}, {"stay.web"}),
        ({"channels": ["ivr"]}, {"data_5gb.ivr"}),
        ({"issue": "grow", "channels": ["web"]}, {"data_5gb.web", "data_5gb.web_plain"}),
    ],
)
def test_a_shared_cap_holds_for_what_it_names(scope, held):
    made = book(policies={"caps": {"c": {"per_day": 5, **scope}}})
    (cap,) = made.caps
    assert {made.treatments[t].treatment_id for t in cap.treatments} == held


def test_a_period_begins_where_the_cap_or_the_book_says():
    assert shared({"per_day": 5})[0].timezone == "UTC"
    assert shared({"per_day": 5}, timezone="Africa/Lagos")[0].timezone == "Africa/Lagos"
    own = {"per_day": 5, "timezone": "Asia/Tokyo"}
    assert shared(own, timezone="Africa/Lagos")[0].timezone == "Asia/Tokyo"


def test_a_total_knows_how_long_its_actions_are_valid():
    (cap,) = caps({"total": 10, "pacing": "even"}, valid={"from": "2026-11-01", "to": "2026-11-10"})
    begin, end = cap.valid
    assert begin is not None
    assert end is not None
    assert end - begin == 10 * DAY


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"per_day": 0}, "0 is not at least 1"),
        ({"per_week": -5}, "-5 is not at least 1"),
        ({"total": 2.5}, "expected a whole number"),
        ({"pacing": "even"}, "caps need one of per_day, per_week, per_month, total or 'budget'"),
        ({"per_day": 50, "per_week": 20}, "more a day than a week"),
        ({"per_month": 50, "total": 20}, "more a month than in total"),
        ({"per_day": 5, "total": 3}, "more a day than in total"),
        ({"per_day": 50, "block": 60}, "a block of 60 is more than the cap itself, 50"),
        ({"per_day": 5, "pacing": "evn"}, "'evn' is no pacing (even, asap). Did you mean 'even'?"),
        ({"per_dya": 5}, "unknown key 'per_dya' in caps. Did you mean 'per_day'?"),
        ({"total": 5, "pacing": "even"}, "a total needs actions that are valid from … to …"),
        ({"per_day": 5, "hold": "0m"}, "expected a length of time"),
        ({"per_day": 5, "hold": "32d"}, "'32d' is not between 1s and 31d"),
        ({"per_day": 5, "timezone": "Africa/Lagoss"}, "Did you mean 'Africa/Lagos'?"),
        ({"budget": {"amount": 5, "currency": "EUR"}}, "a budget needs the key 'cost_each'"),
        (
            {"budget": {"amount": 5, "currency": "EUR", "cost_each": 12}},
            "a budget of 5 does not pay for one offer, which costs 12",
        ),
        (
            {"budget": {"amount": 5, "currency": "EUR", "cost_each": 0}},
            "offers that cost nothing never use up a budget",
        ),
        (
            {"budget": {"amount": 5, "currency": "EUR", "cost_each": "1 - 1"}},
            "offers that cost nothing never use up a budget",
        ),
        (
            {"budget": {"amount": 5, "currency": "EUR", "cost_each": 1, "per": "year"}},
            "'year' is no period (day, week, month, total)",
        ),
        (
            {"block": 3, "budget": {"amount": 5, "currency": "EUR", "cost_each": 2}},
            "a block of 3 offers costs more than the budget of 5",
        ),
    ],
)
def test_a_mistake_is_said_once_at_its_place(written, message):
    (one,) = said(written)
    assert message in one
    assert one.startswith("actions/all.yaml:1:")


def test_names_that_are_not_there_are_said():
    loaded = load(files(policies={"caps": {"c": {"group": "bundels", "per_day": 5}}}))
    (one,) = [d.message for d in loaded.diagnostics]
    assert one == "unknown group 'bundels'. Did you mean 'bundles'?"


def test_two_caps_of_one_name_are_a_mistake():
    loaded = load(
        files(policies={"caps": {"a": {"per_day": 5}}}, actions=[action("a", caps={"per_day": 5})])
    )
    (one,) = [d.message for d in loaded.diagnostics]
    assert "there is already a cap of this name in policies.yaml" in one


def test_a_cap_that_holds_nobody_back_is_remarked():
    (one,) = said({"per_day": 5}, **{"class": "mandatory"})
    assert "this cap holds for mandatory actions, which no cap holds back" in one


def test_a_book_goes_to_another_process_with_its_caps():
    import pickle

    made = book(actions=[action("a", caps={"per_day": 5})])
    assert pickle.loads(pickle.dumps(made)).caps == made.caps
    assert made.caps[0].period is Period.DAY
