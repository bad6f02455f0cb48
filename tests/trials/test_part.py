"""Holdouts and standing experiments, as decisions keep them."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from engine.circumstances import Circumstances
from engine.contact.pending import Pending
from engine.deadline import Budget
from engine.decide import Decider
from engine.limits.guards import guards_of
from engine.model import DAY, CustomerId, Decision, DecisionId
from engine.rulebook.book import RuleBook
from engine.rulebook.trial import Arm
from engine.trials.part import AS_USUAL, Assignment
from tests.builders import NOW, FixedModel, customer, decide, decider, question, trace_of
from tests.rulebook.builders import action, book

GREEDY = {"arbitration": {"exploration": {"policy": "greedy"}}}
EVERYBODY = {"share": 1, "period": "month", "salt": "s"}
MANY = [CustomerId(f"c-{n}") for n in range(20_000)]


def tried(name: str, actions: Any = None, **policies: Any) -> RuleBook:
    """A book of which everybody is in one trial."""
    changes = {"actions": actions} if actions else {}
    made = book(policies=GREEDY | policies, **changes)
    return replace(made, trials=made.trials.only(name))


def shown(decision: Decision) -> list[str]:
    return [offer.action_id for offer in decision.placements[0].offers]


def reasons(decision: Decision, name: str) -> list[str]:
    found = next(c for c in trace_of(decision).candidates if c.action_id == name)
    return [reason.code for reason in found.reasons]


# --- who ------------------------------------------------------------------------------------------


def test_shares_are_kept_and_arms_exclude_each_other() -> None:
    made = book(
        policies={
            "holdouts": {"none": {"share": 0.1, "period": "month", "salt": "s"},
                         "no_data": {"share": 0.2, "period": "week", "salt": "s", "action": "data_5gb"}},
            "experiments": {"no_levers": 0.1, "random_relevant": 0.15},
        }
    )  # fmt: skip
    assignment = Assignment(made.trials)
    labels = Counter(assignment.part(name, NOW).label for name in MANY)
    expected = {"none": 0.1}
    for held, p in (("", 0.8), ("no_data", 0.2)):
        for arm, q in (("", 0.75), ("no_levers", 0.1), ("random_relevant", 0.15)):
            expected["+".join(filter(None, (held, arm)))] = 0.9 * p * q
    assert labels.keys() == expected.keys()
    for label, p in expected.items():
        assert abs(labels[label] / len(MANY) - p) < 4.5 * (p * (1 - p) / len(MANY)) ** 0.5


def test_the_same_customer_stays_in_until_the_period_is_over() -> None:
    made = book(policies={"holdouts": {"none": EVERYBODY | {"share": 0.3, "period": "week"}}})
    assignment = Assignment(made.trials)

    def held(now: int) -> set[str]:
        return {name for name in MANY[:2_000] if assignment.part(name, now).label}

    assert held(NOW) == held(NOW + DAY) == held(NOW - DAY)
    both = held(NOW) & held(NOW + 7 * DAY)
    assert 100 < len(both) < 260


def test_without_trials_everybody_is_as_usual() -> None:
    nobody = {"holdouts": {"none": EVERYBODY | {"share": 0}}, "experiments": {"no_levers": 0}}
    for made in (book(), book(policies=nobody)):
        assert Assignment(made.trials).part(MANY[0], NOW) is AS_USUAL
        assert decide(made).holdout == ""


# --- holdouts -------------------------------------------------------------------------------------


def test_who_is_held_out_is_offered_nothing_and_told_why() -> None:
    rules = tried("nobody_asked", holdouts={"nobody_asked": EVERYBODY})
    decision = decide(rules, question(explain=True))
    assert decision.holdout == "nobody_asked"
    assert decision.placements[0].fallback
    assert reasons(decision, "stay") == ["holdout.nobody_asked"]
    [reason] = next(c for c in trace_of(decision).candidates if c.action_id == "stay").reasons
    assert "100 % of customers, chosen by lot, are offered nothing" in reason.detail
    assert reason.saw == {"until": "2026-12-01T00:00:00Z"}
    assert reason.place.startswith("policies.yaml:")


def test_what_is_owed_is_not_held_out() -> None:
    actions = [
        action("sell"),
        action("receipt", **{"class": "transactional"}),
        action("notice", **{"class": "mandatory"}),
    ]
    rules = tried("nobody_asked", actions, holdouts={"nobody_asked": EVERYBODY})
    assert shown(decide(rules)) == ["notice", "receipt"]


@pytest.mark.parametrize("target", [{"action": "stay"}, {"group": "save"}, {"issue": "retain"}])
def test_a_holdout_of_some_actions_leaves_the_others(target: dict[str, str]) -> None:
    rules = tried("no_save", holdouts={"no_save": EVERYBODY | target})
    decision = decide(rules, question(explain=True))
    assert shown(decision) == ["data_5gb"]
    assert (decision.holdout, reasons(decision, "stay")) == ("no_save", ["holdout.no_save"])


def test_a_bundle_of_which_a_part_is_held_out_is_not_shown() -> None:
    rules = tried(
        "no_save",
        holdouts={"no_save": EVERYBODY | {"action": "stay"}},
        bundles={"both": {"actions": ["data_5gb", "stay"]}},
    )
    assert decide(rules).placements[0].fallback


def test_who_has_no_time_left_is_still_named() -> None:
    rules = tried("nobody_asked", holdouts={"nobody_asked": EVERYBODY})
    assert decide(rules, left=0.000_1).holdout == "nobody_asked"


# --- experiments ----------------------------------------------------------------------------------

THREE = [
    action("dear", value=100),
    action("wanted", value=1),
    action("pushed", value=10, lever=900),
]
PROPENSITIES = [0.01, 0.5, 0.04]


@pytest.mark.parametrize(
    ("arm", "first"),
    [
        ("", "pushed"),
        ("propensity_only", "wanted"),
        ("no_levers", "dear"),
        ("eligibility_only", "pushed"),
    ],
)
def test_each_arm_leaves_something_out(arm: str, first: str) -> None:
    decision = decide(tried(arm, THREE), propensities=PROPENSITIES)
    assert (decision.holdout, shown(decision)[0]) == (arm, first)
    offer = decision.placements[0].offers[0]
    at = [one["id"] for one in THREE].index(first)
    assert offer.priority == pytest.approx(
        PROPENSITIES[at] * THREE[at]["value"] * (10 if at == 2 else 1)
    )


@pytest.mark.parametrize(
    ("arm", "expected"),
    [("random_relevant", [1 / 3, 1 / 3, 1 / 3]), ("random_propensity", None)],
)
def test_random_arms_log_the_exact_probability(arm: str, expected: list[float] | None) -> None:
    rules = tried(arm, THREE)
    by = decider(rules, PROPENSITIES)
    count: Counter[str] = Counter()
    told: dict[str, float] = {}
    for seed in range(6_000):
        offer = decide(rules, question(max_offers=1), seed=seed, by=by).placements[0].offers[0]
        count[offer.action_id] += 1
        told[offer.action_id] = offer.probability
    assert sum(told.values()) == pytest.approx(1.0)
    for at, name in enumerate(("dear", "wanted", "pushed")):
        p = told[name]
        assert expected is None or p == pytest.approx(expected[at])
        assert abs(count[name] / 6_000 - p) < 4.5 * (p * (1 - p) / 6_000) ** 0.5


def test_what_was_not_chosen_says_which_experiment_it_was() -> None:
    decision = decide(
        tried("no_levers", THREE), question(explain=True, max_offers=1), propensities=PROPENSITIES
    )
    assert reasons(decision, "pushed") == ["experiment.no_levers"]


def test_eligibility_only_waives_what_is_no_right_and_no_consent() -> None:
    grown = {"eligible_when": {"grown": "customer.age > 50"}}
    unfit = {
        "applicable_when": {"busy": "customer.age > 50"},
        "suitable_when": {"fit": "customer.age > 60"},
    }
    actions = [
        action("free", **unfit),
        action("grown", **grown),
        action("owed", **unfit, **{"class": "transactional"}),
    ]
    rules = tried("eligibility_only", actions)
    decision = decide(rules, question(explain=True))
    assert shown(decision) == ["free"]
    assert reasons(decision, "owed") == ["applicable_when.busy", "suitable_when.fit"]
    free = next(c for c in trace_of(decision).candidates if c.action_id == "free")
    assert free.notes == (
        "experiment.eligibility_only does not ask applicable_when.busy, suitable_when.fit",
    )
    assert decide(rules, who=customer(consent_marketing=False)).placements[0].fallback


def test_no_experiment_on_somebody_nothing_is_to_be_tried_out_on() -> None:
    calm = {
        "arbitration": {"exploration": {"policy": "squarecb", "none_when": "customer.age > 60"}}
    }
    made = book(actions=THREE, policies=calm)
    rules = replace(made, trials=made.trials.only(Arm.RANDOM_RELEVANT))
    frail = customer(customer_age=70)
    decisions = [
        decide(rules, who=frail, propensities=PROPENSITIES, seed=seed) for seed in range(20)
    ]
    assert {(shown(d)[0], d.holdout) for d in decisions} == {("pushed", "random_relevant")}


@pytest.mark.parametrize("arm", list(Arm))
def test_contact_policies_and_caps_hold_in_every_arm(arm: Arm) -> None:
    policy = {
        "scope": "action",
        "count": "impression",
        "at_least": 1,
        "within": "1d",
        "pause": "1d",
    }
    actions = [
        action("told", contact_policies=["once"], value=100),
        action("scarce", caps={"per_day": 1}, value=100),
        action("other"),
    ]
    rules = tried(arm, actions, contact_policies={"once": policy})
    pending = Pending()
    pending.assume_shown = rules.contact.remembers
    by = Decider(rules, FixedModel(rules), lambda: 0.0, guards_of(rules, pending))

    def ask(number: int) -> list[str]:
        given = Circumstances(
            DecisionId(f"d{number}"), customer(), NOW + number, number, Budget(1.0, lambda: 0.0)
        )
        decision = by.decide(question(), given)
        by.commit(decision)
        return shown(decision)

    seen = [name for number in range(6) for name in ask(number)]
    assert (seen.count("told"), seen.count("scarce")) == (1, 1)
    assert seen.count("other") >= 4
