import math
from collections import Counter

import pytest

from engine.model import Step
from tests.builders import customer, decide, decider, question, trace_of
from tests.rulebook.builders import action, book

GREEDY = {"arbitration": {"priority": "P * C * V * L", "exploration": {"policy": "greedy"}}}


def shown(decision, at=0):
    return [offer.action_id for offer in decision.placements[at].offers]


def test_the_journey():
    decision = decide(book(policies=GREEDY), propensities=[0.2, 0.1])
    assert shown(decision) == ["stay", "data_5gb"]
    first, second = decision.placements[0].offers
    assert (first.rank, second.rank) == (1, 2)
    assert first.priority == pytest.approx(0.1 * 10 * 1.65)
    assert (first.propensity, first.value, first.probability) == (0.1, 10.0, 1.0)
    assert (first.issue, first.group, first.treatment_id) == ("retain", "save", "stay.web")
    assert first.content == {"headline": "Stay with us"}
    assert decision.degraded == ()


def test_only_what_is_definitely_true_passes():
    minor = decide(book(), who=customer(customer_age=17))
    assert "data_5gb" not in shown(minor)
    nobody_knows = customer()
    del nobody_knows.attributes["customer.age"]
    assert "data_5gb" not in shown(decide(book(), who=nobody_knows))


def test_unknown_consent_is_no_consent():
    who = customer()
    del who.attributes["consent.marketing"]
    decision = decide(book(), who=who)
    assert decision.placements[0].fallback


def test_nobody_is_left_without_an_answer():
    decision = decide(book(), who=customer(consent_marketing=False))
    placed = decision.placements[0]
    assert placed.fallback
    assert placed.offers[0].content == {"headline": "Good to see you"}
    assert placed.offers[0].action_id == ""


def test_the_treatment_whose_text_can_be_filled_is_shown():
    headlines = {
        decide(book(), who=customer(telco_data_used_pct=pct))
        .placements[0]
        .offers[at]
        .content["headline"]
        for pct in (82.4,)
        for at in (0, 1)
    }
    assert "You have used 82 %" in headlines
    plain = {offer.content["headline"] for offer in decide(book()).placements[0].offers}
    assert "Nearly out of data?" in plain


def test_an_action_appears_once_in_a_response():
    rules = book(
        policies=GREEDY
        | {
            "placements": {
                name: {
                    "channel": "web",
                    "slots": 1,
                    "texts": {"headline": 40},
                    "fallback": {"headline": "Hello"},
                }
                for name in ("web.hero", "web.side")
            }
        },
        actions=[
            action(
                name,
                value=value,
                treatments=[
                    {"id": f"{name}.{at}", "placement": f"web.{at}", "texts": {"headline": name}}
                    for at in ("hero", "side")
                ],
            )
            for name, value in (("best", 2), ("second", 1))
        ],
    )
    decision = decide(rules, question("web.side", "web.hero"))
    assert [shown(decision, 0), shown(decision, 1)] == [["best"], ["second"]]
    assert [placed.placement for placed in decision.placements] == ["web.side", "web.hero"]


def test_mandatory_actions_lead_and_do_not_compete():
    rules = book(
        policies=GREEDY,
        actions=[
            action("sell", value=1000),
            action("notice", value=0, **{"class": "mandatory"}),
        ],
    )
    decision = decide(rules, propensities=[0.9, 0.0])
    assert shown(decision) == ["notice", "sell"]
    assert decision.placements[0].offers[0].probability == 1.0


def test_mandatory_actions_have_an_order_of_their_own():
    notice = {"class": "mandatory"}
    rules = book(
        actions=[
            action(name, value=value, **notice) for name, value in (("a", 1), ("c", 2), ("b", 2))
        ]
    )
    decision = decide(rules, question(explain=True))
    assert shown(decision) == ["b", "c"]
    left_over = next(c for c in trace_of(decision).candidates if c.action_id == "a")
    assert [reason.code for reason in left_over.reasons] == ["placement.full"]


def test_below_the_threshold_nothing_is_shown():
    arbitration = {"arbitration": {"thresholds": [{"channel": "web", "propensity": 0.05}]}}
    decision = decide(book(policies=arbitration), propensities=[0.04, 0.06])
    assert shown(decision) == ["stay"]


def test_max_offers_limits_the_slots():
    assert len(shown(decide(book(), question(max_offers=1)))) == 1
    assert len(shown(decide(book(), question(max_offers=9)))) == 2


def test_the_same_seed_makes_the_same_decision():
    rules = book(actions=[action(f"a{n}") for n in range(9)])
    assert decide(rules, seed=5) == decide(rules, seed=5)
    assert len({tuple(shown(decide(rules, seed=seed))) for seed in range(20)}) > 5


def test_reported_probabilities_are_the_frequencies():
    rules = book(
        actions=[action("a", value=3), action("b", value=2), action("c", value=1)],
        policies={"arbitration": {"exploration": {"policy": "squarecb", "gamma": 3}}},
    )
    by = decider(rules)
    count: Counter[str] = Counter()
    probability = {}
    for seed in range(4_000):
        offer = decide(rules, question(max_offers=1), seed=seed, by=by).placements[0].offers[0]
        count[offer.action_id] += 1
        probability[offer.action_id] = offer.probability
    assert sum(probability.values()) == pytest.approx(1.0)
    for name, p in probability.items():
        assert abs(count[name] / 4_000 - p) < 4.5 * (p * (1 - p) / 4_000) ** 0.5


@pytest.mark.parametrize(
    "exploration", [{"policy": "epsilon", "epsilon": 0.4}, {"policy": "thompson"}]
)
def test_slates_of_decisions_come_as_often_as_their_offers_say(exploration):
    rules = book(
        actions=[action("a", value=3), action("b", value=2), action("c", value=1)],
        policies={"arbitration": {"exploration": exploration}},
    )
    by, draws = decider(rules), 3_000
    count: Counter[tuple[str, ...]] = Counter()
    probability = {}
    for seed in range(draws):
        offers = decide(rules, seed=seed, by=by).placements[0].offers
        slate = tuple(offer.action_id for offer in offers)
        count[slate] += 1
        probability[slate] = math.prod(offer.probability for offer in offers)
    assert len(probability) == 6
    assert sum(probability.values()) == pytest.approx(1.0)
    for slate, p in probability.items():
        assert abs(count[slate] / draws - p) < 4.5 * (p * (1 - p) / draws) ** 0.5


def test_nobody_tries_things_out_on_somebody_about_to_leave():
    exploration = {"policy": "squarecb", "gamma": 0, "none_when": "customer.age > 60"}
    rules = book(
        actions=[action("a", value=2), action("b", value=1)],
        policies={"arbitration": {"exploration": exploration}},
    )
    fragile = customer(customer_age=70)
    assert {shown(decide(rules, who=fragile, seed=s))[0] for s in range(30)} == {"a"}
    assert {shown(decide(rules, seed=s))[0] for s in range(30)} == {"a", "b"}


def test_a_condition_on_the_placement_is_seen_from_each_placement():
    placements = {
        name: {
            "channel": "web",
            "slots": 2,
            "texts": {"headline": 40},
            "fallback": {"headline": "Hi"},
        }
        for name in ("web.hero", "web.side")
    }
    rules = book(
        policies={"placements": placements},
        actions=[
            action(
                "a",
                applicable_when={"here": 'request.placement == "web.side"'},
                treatments=[
                    {"id": f"a.{at}", "placement": f"web.{at}", "texts": {"headline": "a"}}
                    for at in ("hero", "side")
                ],
            )
        ],
    )
    decision = decide(rules, question("web.hero", "web.side"))
    assert decision.placements[0].fallback
    assert shown(decision, 1) == ["a"]


# --- the deadline -----------------------------------------------------------------------------


def test_too_late_for_rules_is_the_fallback_and_says_so():
    decision = decide(book(), left=0.000_1)
    assert decision.placements[0].fallback
    assert [d.step for d in decision.degraded] == [Step.RULES]
    assert decision.features is None


def test_too_late_for_the_model_is_rules_only_and_says_so():
    by = decider(book(policies=GREEDY), [0.9, 0.0001])
    by._score_pace.took(1_000.0)  # the model has been very slow
    decision = decide(by.book, left=0.01, by=by)
    assert shown(decision) == ["stay", "data_5gb"]  # by value and lever alone
    assert [d.step for d in decision.degraded] == [Step.PROPENSITY]
    assert decision.features is None


def test_the_last_known_propensities_are_better_than_none():
    by = decider(book(policies=GREEDY), [0.9, 0.0001])
    assert shown(decide(by.book, by=by)) == ["data_5gb", "stay"]
    by._score_pace.took(1_000.0)
    late = decide(by.book, left=0.01, by=by)
    assert shown(late) == ["data_5gb", "stay"]
    assert late.placements[0].offers[0].propensity == 0.9
    assert "last known" in late.degraded[0].reason
