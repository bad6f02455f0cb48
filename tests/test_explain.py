import pytest

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.model import ActionId, DecisionId, PlacementId, Stage, Touch
from tests.builders import NOW, customer, decide, decider, question, trace_of
from tests.rulebook.builders import action, book

GREEDY = {"arbitration": {"exploration": {"policy": "greedy"}}}


def told(rules, who=None, at=0, **rest):
    """What the trace says of each action in the asked placement."""
    decision = decide(rules, question(explain=True), who, **rest)
    return {candidate.action_id: candidate for candidate in trace_of(decision).candidates}


def codes(candidate):
    return [reason.code for reason in candidate.reasons]


def test_without_being_asked_there_is_no_trace():
    assert decide(book()).trace is None


def test_the_shown_come_first_with_their_factors():
    asked = question(explain=True)
    trace = trace_of(decide(book(policies=GREEDY), asked, propensities=[0.2, 0.1]))
    assert [(c.action_id, c.rank) for c in trace.candidates] == [("stay", 1), ("data_5gb", 2)]
    assert trace.candidates[0].factors == pytest.approx((0.1, 1.0, 10.0, 1.65, 1.65))
    assert trace.candidates[0].reasons == ()
    assert set(trace.timings_us) == {"rules", "score", "arbitrate"}


def test_false_and_unknown_are_told_apart_with_what_was_seen():
    false = told(book(), customer(customer_age=17))["data_5gb"].reasons[0]
    assert (false.code, false.stage, false.unknown) == (
        "eligible_when.adult",
        Stage.ELIGIBILITY,
        False,
    )
    assert (false.detail, false.saw) == ("customer.age >= 18", {"customer.age": "17"})
    assert false.place.startswith("actions/all.yaml:")
    nobody_knows = customer()
    del nobody_knows.attributes["customer.age"]
    unknown = told(book(), nobody_knows)["data_5gb"].reasons[0]
    assert (unknown.unknown, unknown.saw) == (True, {"customer.age": "unknown"})


def test_every_reason_is_told_in_the_order_of_the_funnel():
    who = customer(customer_age=17, consent_marketing=False, customer_complaint_open=True)
    rules = book(actions=[action("a", group="save", eligible_when={"adult": "customer.age >= 18"})])
    assert codes(told(rules, who)["a"]) == [
        "eligible_when.adult",
        "suitable_when.no_complaint",
        "applicable_when.consent",
    ]


def test_dates_placements_and_texts_are_reasons():
    rules = book(
        actions=[
            action("over", valid={"from": "2020-01-01", "to": "2020-12-31"}),
            action("later", valid={"from": "2090-01-01"}),
            action(
                "named",
                treatments=[
                    {
                        "id": "n",
                        "placement": "web.hero",
                        "texts": {"headline": "Hello {customer.name}"},
                    }
                ],
            ),
            action(
                "elsewhere",
                treatments=[{"id": "e", "placement": "ivr.prompt", "texts": {"prompt": "Hello"}}],
            ),
        ]
    )
    found = told(rules)
    assert codes(found["over"]) == codes(found["later"]) == ["availability.valid"]
    assert codes(found["named"]) == ["availability.text"]
    assert codes(found["elsewhere"]) == ["availability.no_treatment"]


def test_who_is_outranked_is_told_by_how_much():
    rules = book(
        actions=[action("a", value=3), action("b", value=1), action("c", value=2)], policies=GREEDY
    )
    last = told(rules)["b"]
    assert codes(last) == ["arbitration.outranked"]
    assert last.factors.priority == pytest.approx(0.1)


def test_who_was_passed_over_by_chance_is_told_so():
    exploration = {"exploration": {"policy": "squarecb", "gamma": 0}}
    rules = book(
        actions=[action("a", value=3), action("b", value=1)], policies={"arbitration": exploration}
    )
    asked = question(explain=True, max_offers=1)
    stories = {}
    for seed in range(30):
        first, second = trace_of(decide(rules, asked, seed=seed)).candidates
        stories[first.action_id] = codes(second)
    assert stories == {"a": ["arbitration.outranked"], "b": ["arbitration.explored"]}


def test_who_gives_way_to_a_mandatory_action_was_not_passed_over_by_chance():
    notice = action("notice", **{"class": "mandatory"}, value=0)
    rules = book(actions=[notice, action("worth_more", value=50)])
    first, second = trace_of(decide(rules, question(explain=True, max_offers=1))).candidates
    assert (first.action_id, second.action_id) == ("notice", "worth_more")
    assert codes(second) == ["arbitration.outranked"]


def test_below_the_threshold_is_a_reason():
    arbitration = {"arbitration": {"thresholds": [{"channel": "web", "propensity": 0.05}]}}
    found = told(book(policies=arbitration), propensities=[0.04, 0.06])
    assert codes(found["data_5gb"]) == ["propensity_threshold"]
    assert found["data_5gb"].reasons[0].detail == "propensity 0.04 is below 0.05"


def test_below_the_least_priority_is_a_reason():
    arbitration = {"arbitration": {"thresholds": [{"channel": "web", "priority": 0.5}]}}
    found = told(book(policies=arbitration), propensities=[0.1, 0.06])
    assert codes(found["data_5gb"]) == ["priority_threshold"]
    assert found["data_5gb"].reasons[0].detail == "priority 0.45 is below 0.5"


def test_a_value_that_cannot_be_told_is_a_reason():
    rules = book(
        attributes={"customer.balance": {"type": "double"}},
        actions=[action("a", value="customer.balance * 2")],
    )
    reason = told(rules)["a"].reasons[0]
    assert (reason.code, reason.unknown) == ("arbitration.value_unknown", True)
    assert "customer.balance * 2" in reason.detail


def told_later(rules, who, seed=1):
    """A decision that is asked to explain itself, and has not yet."""
    budget = Budget(1.0, lambda: 0.0)
    given = Circumstances(DecisionId("d1"), who, NOW, seed, budget, tell_later=True)
    return decider(rules).decide(question("web.hero", "ivr.prompt", explain=True), given)


def test_told_in_parts_it_is_the_same_story():
    rules = book(actions=[action(name) for name in "abcdef"])
    at_once = trace_of(decide(rules, question("web.hero", "ivr.prompt", explain=True)))
    later = told_later(rules, customer())
    assert later.trace is None
    parts = 1
    while not later.telling.tell_some(lambda: True):
        parts += 1
    assert parts > len(rules.actions)
    assert later.telling.trace({}).candidates == at_once.candidates


def test_a_story_is_that_of_the_decision_whatever_the_customer_does_meanwhile():
    influenced = {
        "outcomes": {"impression": 0, "later": 0.1},
        "arbitration": {
            "influencers": {"later": {"on": "later", "scope": "issue", "weight": 40, "lasts": "9d"}}
        },
    }
    rules, who = book(policies=influenced), customer()
    later = told_later(rules, who)
    said = {"later": (NOW, 0.0)}
    web = PlacementId("web.hero")
    who.touches.append(Touch(DecisionId("d0"), ActionId("stay"), "web", web, NOW, said))
    who.last["later"] = NOW
    assert not any(candidate.notes for candidate in later.telling.trace({}).candidates)
    afterwards = told_later(rules, who).telling.trace({}).candidates
    assert any(candidate.notes for candidate in afterwards)
