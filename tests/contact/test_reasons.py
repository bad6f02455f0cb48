"""Why somebody is left alone, in words, with what was counted and until when."""

import pytest

from engine.account import Accountant
from engine.circumstances import Circumstances
from engine.contact.household import household_of
from engine.deadline import Budget
from engine.model import (
    DAY,
    HOUR,
    UNKNOWN,
    Customer,
    CustomerId,
    DecisionId,
    Degradation,
    PlacementId,
    Stage,
    Step,
    Touch,
)
from engine.respond import MAX_TOUCHES
from engine.rulebook.load import load
from tests.builders import NOW, customer, decide, decider, question, trace_of
from tests.rulebook.builders import action, book, files

REST = {
    "title": "Two impressions in 7 days rest 14 days",
    "scope": "action",
    "count": "impression",
    "at_least": 2,
    "within": "7d",
    "pause": "14d",
}


def changed(policy, **more):
    return {"policies": {"contact_policies": {"p": policy}}} | {
        "actions": [action("a", contact_policies=["p"], **more), action("free")]
    }


def who_saw(*ago, outcome="impression", action_id="a"):
    who = customer()
    who.touches = [
        Touch(
            DecisionId(f"d{n}"),
            action_id,
            "web",
            PlacementId("web.hero"),
            NOW - t,
            {outcome: (NOW - t, 0.0)},
        )
        for n, t in enumerate(ago)
    ]
    return who


def told(rules, who, action_id="a", **given):
    """The reasons one action is out."""
    circumstances = Circumstances(DecisionId("d"), who, NOW, 1, Budget(1.0, lambda: 0.0), **given)
    decision = decider(rules).decide(question(explain=True), circumstances)
    [candidate] = [c for c in trace_of(decision).candidates if c.action_id == action_id]
    return candidate


def test_a_rest_says_what_was_counted_and_when_it_ends():
    rules = book(**changed(REST))
    candidate = told(rules, who_saw(2 * DAY, DAY))
    [reason] = candidate.reasons
    assert (reason.stage, reason.code) == (Stage.CONSENT_AND_CONTACT, "contact_policy.p")
    assert reason.detail == (
        "Two impressions in 7 days rest 14 days; it rests until 2026-12-01T11:06:40Z"
    )
    assert reason.saw == {
        "until": "2026-12-01T11:06:40Z",
        "last": "2026-11-17T11:06:40Z",
        "impression": "2 in 7d",
    }
    assert not reason.unknown
    assert reason.place == rules.contact.policies[0].place
    assert candidate.factors is None


def test_a_quota_says_how_many_there_were():
    rules = book(**changed({"limit": {"per_day": 2, "per_week": 5}}))
    [reason] = told(rules, who_saw(2 * HOUR, HOUR)).reasons
    assert reason.detail == "p; it rests until 2026-11-19T00:00:00Z"
    assert reason.saw["impression"] == "2 today, 2 this week"


def test_quiet_hours_say_whose_clock_they_go_by():
    rules = book(**changed({"between": ["10:00", "12:30"], "timezone": "Africa/Lagos"}))
    [reason] = told(rules, customer()).reasons
    assert reason.detail == "p; 10:00 to 12:30 in Africa/Lagos, until 2026-11-18T11:30:00Z"


def test_where_the_time_zone_is_none_every_hour_is_quiet():
    quiet = changed({"between": ["03:00", "03:30"], "timezone": "Africa/Lagos"})
    quiet["attributes"] = {"customer.timezone": {"type": "string", "nullable": True}}
    rules = book(**quiet)
    [reason] = told(rules, customer(customer_timezone="Tokyo")).reasons
    assert (reason.code, reason.unknown) == ("contact_policy.p", True)
    assert reason.detail == "p; 'Tokyo' is no time zone: what time it is there cannot be told"
    assert told(rules, customer(customer_timezone="Asia/Tokyo")).reasons == ()
    assert told(rules, customer(customer_timezone=None)).reasons == ()


def test_the_reasons_stand_beside_those_of_the_rules():
    rules = book(**changed(REST, eligible_when={"older": "customer.age > 90"}))
    codes = [reason.code for reason in told(rules, who_saw(2 * DAY, DAY)).reasons]
    assert codes == ["eligible_when.older", "contact_policy.p"]


def test_what_the_answer_itself_closed_is_told_with_its_factors():
    once = REST | {"scope": "all", "at_least": 1}
    rules = book(
        policies={
            "contact_policies": {"p": once},
            "all_actions": {"contact_policies": ["p"]},
            "arbitration": {"priority": "V", "exploration": {"policy": "greedy"}},
        },
        actions=[action("a", value=2), action("b", value=1)],
    )
    closed = told(rules, customer(), "b")
    assert [reason.code for reason in closed.reasons] == ["contact_policy.p"]
    assert closed.factors is not None
    assert told(rules, customer(), "a").rank == 1


@pytest.mark.parametrize(
    "given",
    [
        {"degraded": (Degradation(Step.PROFILE, "the disk is slow"),)},
        {"household": UNKNOWN},
    ],
)
def test_a_past_that_cannot_be_read_is_no_reason_to_offer(given):
    policy = REST | {"subject": "household", "count": "click"}
    rules = book(attributes={"household.id": {"type": "string"}}, **changed(policy))
    [reason] = told(rules, customer(), **given).reasons
    assert (reason.code, reason.unknown) == ("contact_policy.p", True)
    assert "cannot be told" in reason.detail
    assert told(rules, customer(), "free", **given).rank


def test_who_lives_where_cannot_be_told_where_the_attribute_is_missing_and_not_nullable():
    nullable = book(attributes={"household.id": {"type": "string", "nullable": True}})
    needed = book(attributes={"household.id": {"type": "string"}})
    assert household_of(customer(), nullable) is None
    assert household_of(customer(), needed) is UNKNOWN
    at_home = customer(household_id="h")
    assert household_of(at_home, needed) == household_of(at_home, nullable) != "h"


def test_what_a_member_did_before_moving_in_counts_for_them():
    policy = REST | {"subject": "household", "at_least": 1}
    rules = book(attributes={"household.id": {"type": "string"}}, **changed(policy))
    household = Customer(CustomerId("the household"))
    moved_in = who_saw(DAY)
    assert told(rules, moved_in, household=household).reasons
    assert not told(rules, customer(), household=household).reasons
    household.touches = moved_in.touches
    assert told(rules, customer(), household=household).reasons


def test_a_history_too_full_to_reach_back_far_enough_is_no_reason_to_offer():
    rules = book(**changed(REST))
    full = who_saw(*[DAY] * MAX_TOUCHES, action_id="other")
    [reason] = told(rules, full).reasons
    assert reason.unknown
    assert reason.saw == {"until": "2026-12-08T11:06:40Z"}
    longer = who_saw(22 * DAY, *[DAY] * (MAX_TOUCHES - 1), action_id="other")
    assert not told(rules, longer).reasons


def test_the_smallest_change_is_to_wait():
    loaded = load(files(**changed(REST, eligible_when={"older": "customer.age > 90"})))
    assert loaded.book is not None
    accounts = Accountant(loaded.book, loaded.expressions).account(
        question(), who_saw(2 * DAY, DAY), NOW
    )
    [account] = [account for account in accounts if account.action_id == "a"]
    assert [str(change) for change in account.changes or ()] == [
        "customer.age is 40, needs 91 or more",
        "now is 2026-11-18T11:06:40Z, needs 2026-12-01T11:06:40Z or later",
    ]
    assert [len(obstacle.changes or ()) for obstacle in account.obstacles] == [1, 1]


def test_without_time_for_the_model_policies_hold_all_the_same():
    by = decider(book(**changed(REST)))
    by._score_pace.took(1_000.0)  # the model has been very slow
    decision = decide(by.book, who=who_saw(2 * DAY, DAY), left=0.01, by=by)
    assert [step for step, _ in decision.degraded] == [Step.PROPENSITY]
    assert [offer.action_id for offer in decision.placements[0].offers] == ["free"]
