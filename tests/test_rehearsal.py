"""Tests of rule books are decided by the real thing, and what they miss is told with reasons."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from engine.model import DAY
from engine.rehearsal import Rehearsal, Rehearsed, Verdict, remembered
from engine.rulebook.case import Case
from engine.rulebook.load import load
from engine.rulebook.times import moment_of
from tests.builders import NOW
from tests.rulebook.builders import action, files

ADULT = {"customer.age": 40, "consent.marketing": True, "consent.channels": ["web"]}


def loaded(actions: Any = None, policies: Any = None, attributes: Any = None, **keys: Any) -> Any:
    content = {
        "name": "a test",
        "customer": ADULT,
        "request": {"placement": "web.hero"},
        "now": "2026-11-21T10:00:00Z",
        **keys,
    }
    changes = {"actions": actions} if actions else {}
    changes |= {"policies": policies} if policies else {}
    changes |= {"attributes": attributes} if attributes else {}
    found = load(files(**changes, more={"tests/a.yaml": json.dumps({"tests": [content]})}))
    assert found.book is not None, found.diagnostics
    return found


def play(expect: dict[str, Any], **keys: Any) -> Rehearsed:
    found = loaded(expect=expect, **keys)
    return Rehearsal(found.book, NOW).play(found.cases[0])


@pytest.mark.parametrize(
    "expect",
    [
        {"first": "stay"},
        {"offers": ["stay", "data_5gb"]},
        {"only": ["data_5gb", "stay"]},
        {"in_order": ["stay", "data_5gb"]},
        {"in_order": ["data_5gb"]},
        {"includes": ["data_5gb"]},
        {"any_of": ["data_5gb"]},
        {"fallback": False},
    ],
)
def test_what_is_so_passes(expect: dict[str, Any]) -> None:
    assert play(expect).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "expect",
    [
        {"first": "data_5gb"},
        {"first": None},
        {"offers": ["data_5gb", "stay"]},
        {"offers": ["stay"]},
        {"only": ["stay"]},
        {"in_order": ["data_5gb", "stay"]},
        {"fallback": True},
        {"not": ["stay"]},
        {"not": {"stay": "suitable_when.no_complaint"}},
    ],
)
def test_what_is_not_so_fails(expect: dict[str, Any]) -> None:
    result = play(expect)
    assert result.verdict is Verdict.FAILED
    (shortfall,) = result.shortfalls
    assert "stay, data_5gb" in shortfall.came


def test_a_reason_must_be_among_the_reasons() -> None:
    child = {**ADULT, "customer.age": 9, "consent.marketing": False}
    both = ["eligible_when.adult", "applicable_when.consent"]
    for code in both:
        assert play({"not": {"data_5gb": code}}, customer=child).verdict is Verdict.PASSED
    result = play({"not": {"data_5gb": "availability.valid"}}, customer=child)
    assert result.verdict is Verdict.FAILED
    ((absence,),) = [shortfall.absences for shortfall in result.shortfalls]
    assert [reason.code for reason in absence.reasons] == both
    assert absence.reasons[0].saw == {"customer.age": "9"}


def test_what_is_missing_is_explained() -> None:
    result = play({"first": "data_5gb"}, customer={**ADULT, "customer.age": 9})
    (shortfall,) = result.shortfalls
    assert shortfall.came == "stay"
    (absence,) = shortfall.absences
    (reason,) = absence.reasons
    assert (reason.code, reason.unknown, reason.detail) == (
        "eligible_when.adult",
        False,
        "customer.age >= 18",
    )
    assert reason.place.startswith("actions/all.yaml:")


def test_who_is_second_was_outranked() -> None:
    (shortfall,) = play(
        {"first": "data_5gb"}, request={"placement": "web.hero", "max_offers": 1}
    ).shortfalls
    (absence,) = shortfall.absences
    assert [reason.code for reason in absence.reasons] == ["arbitration.outranked"]


def test_who_was_offered_but_not_first_is_told_what_came_before_it() -> None:
    [shortfall] = play({"first": "data_5gb"}).shortfalls
    (absence,) = shortfall.absences
    assert absence.reasons == ()
    assert re.fullmatch(r"was offered, with priority [\d.]+, after stay [\d.]+", absence.standing)


def test_unknown_is_told_from_false() -> None:
    (shortfall,) = play({"first": "stay"}, customer={}).shortfalls
    assert shortfall.came == "the fallback"
    assert [reason.unknown for reason in shortfall.absences[0].reasons] == [True]


def test_propensities_of_the_test_count() -> None:
    assert play({"first": "data_5gb"}, propensities={"stay": 0.01}).verdict is Verdict.PASSED


def test_nothing_is_left_to_chance() -> None:
    wild = {"arbitration": {"exploration": {"policy": "squarecb", "gamma": 0}}}
    actions = [action(f"a{n}", value=n) for n in range(1, 9)]
    assert play({"offers": ["a8", "a7"]}, actions=actions, policies=wild).verdict is Verdict.PASSED


def test_the_time_is_the_tests() -> None:
    actions = [action("winter", valid={"from": "2026-12-01", "to": "2026-12-31"})]
    early = play({"not": {"winter": "availability.valid"}}, actions=actions)
    assert early.verdict is Verdict.PASSED
    assert play({"first": "winter"}, actions=actions, now="2026-12-24").verdict is Verdict.PASSED


def test_a_test_without_a_time_is_played_at_the_time_given() -> None:
    actions = [action("winter", valid={"from": "2026-12-01", "to": "2026-12-31"})]
    found = loaded(expect={"first": "winter"}, actions=actions)
    timeless = replace(found.cases[0], now=None)
    ends = {
        moment: Rehearsal(found.book, moment_of(moment) or 0).play(timeless).verdict
        for moment in ("2026-11-30", "2026-12-24")
    }
    assert ends == {"2026-11-30": Verdict.FAILED, "2026-12-24": Verdict.PASSED}


def test_context_wins_over_the_profile() -> None:
    request = {"placement": "web.hero", "context": {"customer.age": 9}}
    expect = {"not": {"data_5gb": "eligible_when.adult"}}
    assert play(expect, request=request).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("times", "ago", "back"), [(3, "2h", True), (2, "2h", False), (3, "1d", False)]
)
def test_what_happened_before_is_counted(times: int, ago: str, back: bool) -> None:
    kept = {"type": "int", "from": {"event": "call", "count": "1d", "where": {"topic": "bill"}}}
    calls = [
        {"type": "call", "ago": ago, "times": times, "attributes": {"topic": "bill"}},
        {"type": "call", "ago": "1h", "times": 9, "attributes": {"topic": "travel"}},
    ]
    made = [action("call_back", applicable_when={"often": "events.calls >= 3"})]
    expect = {"offers": ["call_back"] if back else []}
    result = play(expect, attributes={"events.calls": kept}, events=calls, actions=made)
    assert result.verdict is Verdict.PASSED


def test_nobody_is_held_out_unless_the_test_says_so() -> None:
    held = {"share": 1, "period": "month", "salt": "s"}
    policies = {
        "holdouts": {"nobody_asked": held, "no_data": held | {"action": "data_5gb"}},
        "experiments": {"no_levers": 1},
    }
    actions = [action("data_5gb", value=3), action("stay", value=2, lever=900)]
    expected: list[tuple[str, dict[str, Any]]] = [
        ("", {"offers": ["stay", "data_5gb"]}),
        ("no_levers", {"offers": ["data_5gb", "stay"]}),
        ("no_data", {"only": ["stay"], "not": {"data_5gb": "holdout.no_data"}}),
        ("nobody_asked", {"fallback": True, "not": {"stay": "holdout.nobody_asked"}}),
    ]
    for holdout, expect in expected:
        told = {"holdout": holdout} if holdout else {}
        played = play(expect, actions=actions, policies=policies, **told)
        assert played.verdict is Verdict.PASSED, (holdout, played.shortfalls)


def test_several_placements_are_told_apart() -> None:
    placement = {
        "channel": "web",
        "slots": 1,
        "texts": {"headline": 40},
        "fallback": {"headline": "Hi"},
    }
    policies = {"placements": {"web.hero": placement, "web.side": placement}}
    result = play(
        {"first": "b"},
        request={"placements": ["web.side", "web.hero"]},
        policies=policies,
        actions=[action("a"), action("b", eligible_when={"adult": "customer.age > 50"})],
    )
    (shortfall,) = result.shortfalls
    assert shortfall.came == "web.side: the fallback; web.hero: a"
    assert [r.code for r in shortfall.absences[0].reasons] == ["eligible_when.adult"]


def test_the_history_is_what_events_would_have_made_of_it() -> None:
    found = loaded(
        expect={"first": "stay"},
        history=[
            {"action": "stay", "outcome": "impression", "ago": "3d", "times": 2},
            {"action": "data_5gb", "outcome": "click", "ago": "9d", "channel": "app"},
        ],
        events=[{"type": "call", "ago": "1d"}],
    )
    case: Case = found.cases[0]
    customer = remembered(case, NOW)
    assert [(t.action_id, t.channel, NOW - t.decided_at) for t in customer.touches] == [
        ("data_5gb", "app", 9 * DAY),
        ("stay", "web", 3 * DAY),
        ("stay", "web", 3 * DAY),
    ]
    assert customer.counts == {"impression": 2, "click": 1}
    assert [(i.type, i.channel) for i in customer.interactions] == [("call", "web")]
    assert customer.attributes["customer.age"] == 40


CAPPED = [action("stay", caps={"per_day": 5}), action("go")]


@pytest.mark.parametrize(("used", "offered"), [(4, ["stay", "go"]), (5, ["go"])])
def test_what_a_test_says_is_used_of_a_cap_is_used(used: int, offered: list[str]) -> None:
    before = {"stay": {"per_day": used}}
    played = play({"offers": offered}, actions=CAPPED, used=before, propensities={"stay": 0.9})
    assert played.verdict is Verdict.PASSED


def test_a_cap_is_a_reason_to_expect() -> None:
    expect = {"not": {"stay": "cap.stay"}}
    played = play(expect, actions=CAPPED, used={"stay": {"per_day": 5}})
    assert played.verdict is Verdict.PASSED


SENT = {
    "outbound_channels": ["web"],
    "arbitration": {"exploration": {"untrained": {"reach": 0.0, "positives": 10}}},
}


@pytest.mark.parametrize(
    ("positives", "offered"), [({}, ["a", "b"]), ({"a": 0}, ["b"]), ({"a": 10}, ["a", "b"])]
)
def test_only_what_a_test_says_is_untrained_is(
    positives: dict[str, float], offered: list[str]
) -> None:
    two = [action("a", value=2), action("b", value=1)]
    played = play({"offers": offered}, actions=two, policies=SENT, positives=positives)
    assert played.verdict is Verdict.PASSED


def test_being_untrained_is_a_reason_to_expect() -> None:
    expect = {"not": {"a": "exploration.untrained"}}
    played = play(expect, actions=[action("a")], policies=SENT, positives={"a": 0})
    assert played.verdict is Verdict.PASSED
