"""Measured actions compete by what they change, and offering nothing competes with them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide import Decider
from engine.effects import NONE, NOTHING, told
from engine.join import held_out
from engine.model import DAY, CustomerId, Decision, Measure, Response, Step
from engine.rulebook.book import RuleBook
from tests.builders import FixedModel, customer, decide, decider, question, trace_of
from tests.rulebook.builders import action, book

MEASURED = {"outcome": "churned", "within": "30d", "better": "absent", "keep_trying": 0}
HOLDOUT = {"without": {"share": 0.1, "period": "quarter", "salt": 1, "group": "save"}}
GREEDY = {"policy": "greedy"}


def made(
    *names: str, exploration: Any = GREEDY, measured: Any = MEASURED, **policies: Any
) -> RuleBook:
    """Measured actions of value 10, and `plain`, which is not measured, of value 1."""
    saving = [action(name, group="save", value=10, measured=measured) for name in names]
    return book(
        actions=[*saving, action("plain")],
        policies={"holdouts": HOLDOUT, "arbitration": {"exploration": exploration}} | policies,
    )


def usual(rules: RuleBook) -> RuleBook:
    """The same book with nobody held out."""
    return replace(rules, trials=replace(rules.trials, holdouts=()))


def shown(decision: Decision) -> list[str]:
    placed = decision.placements[0]
    return [] if placed.fallback else [offer.action_id for offer in placed.offers]


def reasons(decision: Decision, name: str) -> list[str]:
    found = next(c for c in trace_of(decision).candidates if c.action_id == name)
    return [reason.code for reason in found.reasons]


# --- what changes nothing is not offered ----------------------------------------------------------


@pytest.mark.parametrize(
    ("uplift", "expected"),
    [(0.2, ["save", "plain"]), (0.001, ["plain", "save"]), (0.0, ["plain"]), (-0.1, ["plain"])],
)
def test_an_action_competes_by_what_it_changes(uplift: float, expected: list[str]) -> None:
    decision = decide(usual(made("save")), propensities=[uplift, 0.1])
    assert shown(decision) == expected
    if "save" in expected:
        offer = decision.placements[0].offers[expected.index("save")]
        assert offer.propensity == uplift
        assert offer.priority == pytest.approx(uplift * 10 * 1.6)


def test_rather_nothing_than_what_drives_people_away() -> None:
    decision = decide(
        usual(made("save", measured=MEASURED)), question(explain=True), propensities=[-0.02, 0.0]
    )
    assert reasons(decision, "save") == [NONE]
    [reason] = next(c for c in trace_of(decision).candidates if c.action_id == "save").reasons
    assert reason.detail == (
        "it drives people like this away: offering it changes the chance of no 'churned' within 30"
        " days by -2.00 points"
    )


def test_who_would_do_so_anyway_is_told_apart() -> None:
    [one] = made("save").measured.values()
    present = one._replace(better_absent=False, outcome="renewed", within=one.within // 30)
    assert told(present, -0.001) == (
        "people like this do the same without it: offering it changes the chance of 'renewed'"
        " within a day by -0.10 points"
    )


def test_without_the_model_nothing_is_known_of_what_changes() -> None:
    rules = usual(made("save"))
    by = decider(rules, [-0.5, 0.1])
    by._score_pace.took(1_000.0)  # the model has been very slow
    decision = decide(rules, left=0.01, by=by)
    assert [d.step for d in decision.degraded] == [Step.PROPENSITY]
    assert shown(decision) == ["save", "plain"]


# --- nothing as a candidate -----------------------------------------------------------------------

SQUARECB = {"policy": "squarecb", "gamma": 2}
EPSILON = {"policy": "epsilon", "epsilon": 0.3}


def outcomes(rules: RuleBook, seeds: int, by: Decider | None = None) -> Counter[tuple[str, ...]]:
    by = by or decider(rules, [0.2, 0.1, 0.3])
    return Counter(tuple(shown(decide(rules, seed=seed, by=by))) for seed in range(seeds))


@pytest.mark.parametrize("exploration", [SQUARECB, EPSILON])
def test_offering_nothing_has_its_exact_share(exploration: Any) -> None:
    rules = usual(made("save", "stay", exploration=exploration))
    by = decider(rules, [0.2, 0.1, 0.3])
    said: dict[tuple[str, ...], float] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    seeds = 6_000
    for seed in range(seeds):
        decision = decide(rules, seed=seed, by=by)
        names, chances = shown(decision), 1.0
        if names:
            for offer in decision.placements[0].offers:
                chances *= offer.probability
        seen[tuple(names)] += 1
        said[tuple(names)] = chances
    whole = [slate for slate in said if len(slate) == 2]
    assert len(whole) == 6
    for slate in whole:
        spread = (said[slate] * (1 - said[slate]) / seeds) ** 0.5
        assert abs(seen[slate] / seeds - said[slate]) < 4.5 * spread
    first = {slate[0]: said[slate[:1]] for slate in said if len(slate) == 1}
    nothing = 1.0 - sum(first.values())
    assert nothing > 0.05
    assert abs(seen[()] / seeds - nothing) < 4.5 * (nothing * (1 - nothing) / seeds) ** 0.5


@pytest.mark.parametrize("exploration", [GREEDY, {"policy": "thompson"}])
def test_where_only_the_best_wins_something_is_always_offered(exploration: Any) -> None:
    rules = usual(made("save", "stay", exploration=exploration))
    assert all(len(slate) == 2 for slate in outcomes(rules, 200))


def test_where_nothing_is_measured_nothing_competes() -> None:
    rules = book(
        actions=[action("a"), action("b"), action("c")],
        policies={"arbitration": {"exploration": SQUARECB}},
    )
    assert all(len(slate) == 2 for slate in outcomes(rules, 200))


def test_that_nothing_was_tried_is_told() -> None:
    rules = usual(made("save", exploration=SQUARECB))
    for seed in range(200):
        decision = decide(rules, question(explain=True), propensities=[0.2, 0.3], seed=seed)
        if not shown(decision):
            assert reasons(decision, "save") == reasons(decision, "plain") == [NOTHING]
            return
    pytest.fail("nothing was never tried")


def test_what_offering_nothing_gives_up_is_counted() -> None:
    exploration = SQUARECB | {"give_up_per_day": 100}
    rules = usual(made("save", exploration=exploration))
    by = decider(rules, [0.2, 0.0])
    lost = {
        tuple(shown(decision)): decision.given_up
        for seed in range(300)
        for decision in [decide(rules, question(max_offers=1), seed=seed, by=by)]
    }
    assert lost[()] == pytest.approx(0.2 * 10 * 1.6)
    assert lost[("save",)] == 0.0


# --- who is held out ------------------------------------------------------------------------------


def in_holdout(rules: RuleBook) -> RuleBook:
    return replace(rules, trials=rules.trials.only("without"))


@pytest.mark.parametrize(
    ("uplift", "missed"), [(0.2, ("save",)), (0.001, ("save",)), (0.0, ()), (-0.1, ())]
)
def test_what_would_have_been_offered_is_noted(uplift: float, missed: tuple[str, ...]) -> None:
    decision = decide(in_holdout(made("save")), propensities=[uplift, 0.1])
    assert shown(decision) == ["plain"]
    assert decision.held_out == missed


def test_only_what_would_have_won_a_slot_is_missed() -> None:
    rules = in_holdout(made("save", "stay"))
    decision = decide(rules, question(max_offers=1), propensities=[0.2, 0.1, 0.3])
    assert decision.held_out == ("save",)
    outdone = decide(rules, question(max_offers=1), propensities=[0.001, 0.002, 0.3])
    assert outdone.held_out == ()


def test_what_is_missed_in_two_places_is_missed_once() -> None:
    places = {
        at: {"channel": "web", "texts": {"headline": 40}, "fallback": {"headline": "Hello"}}
        for at in ("web.hero", "web.side")
    }
    treatments = [
        {"id": f"save.{at}", "placement": at, "texts": {"headline": "Stay"}} for at in places
    ]
    saving = action("save", group="save", measured=MEASURED, treatments=treatments)
    rules = in_holdout(book(actions=[saving], policies={"placements": places, "holdouts": HOLDOUT}))
    assert decide(rules, question(*places), propensities=[0.2]).held_out == ("save",)


def test_who_is_in_no_holdout_misses_nothing() -> None:
    assert decide(usual(made("save")), propensities=[0.2, 0.1]).held_out == ()


def test_what_the_rules_keep_out_is_not_missed() -> None:
    minor = customer(customer_age=10)
    rules = in_holdout(made("save"))
    closed = action(
        "save", group="save", measured=MEASURED, eligible_when={"a": "customer.age > 18"}
    )
    strict = book(actions=[closed, action("plain")], policies={"holdouts": HOLDOUT})
    assert decide(in_holdout(strict), who=minor, propensities=[0.2, 0.1]).held_out == ()
    assert decide(rules, who=minor, propensities=[0.2, 0.1]).held_out == ("save",)


def test_as_many_are_missed_as_are_offered_elsewhere() -> None:
    """Of those held out as large a share would have been offered it as of all others are."""
    rules = made("save", "stay", exploration=SQUARECB)
    free, held = (
        decider(usual(rules), [0.03, 0.02, 0.3]),
        decider(in_holdout(rules), [0.03, 0.02, 0.3]),
    )
    asked, seeds = question(max_offers=1), 4_000
    offered = sum(shown(decide(rules, asked, seed=n, by=free)) == ["save"] for n in range(seeds))
    missed = sum(decide(rules, asked, seed=n, by=held).held_out == ("save",) for n in range(seeds))
    assert offered > 0.1 * seeds
    assert abs(offered - missed) < 4.5 * (2 * offered * (1 - offered / seeds)) ** 0.5


def test_the_log_gets_an_entry_that_needs_no_book() -> None:
    rules = in_holdout(made("save"))
    decision = decide(rules, propensities=[0.2, 0.1])
    [event] = held_out(decision, rules)
    assert event.event_id == "held_out:d1:save"
    assert isinstance(event.body, Response)
    assert event.body.measure == Measure("churned", 30 * DAY, treated=False)
    assert event.body.reward is None
    assert event.body.exposure.features == decision.features
    assert held_out(replace(decision, features=None), rules) == []


# --- who is asked anyway --------------------------------------------------------------------------


def test_a_share_is_asked_whatever_the_model_says() -> None:
    rules = usual(made("save", measured=MEASURED | {"keep_trying": 0.3, "expected": 0.04}))
    by = decider(rules, [-0.2, 0.0])
    people = [CustomerId(f"c{n}") for n in range(2_000)]
    asked = {
        who: shown(decide(rules, question(customer_id=who), by=by)) == ["save", "plain"]
        for who in people
    }
    assert sum(asked.values()) / len(people) == pytest.approx(0.3, abs=0.05)
    again = {
        who: "save" in shown(decide(rules, question(customer_id=who), by=by)) for who in people
    }
    assert again == asked
    tried = next(who for who in people if asked[who])
    offer = decide(rules, question(customer_id=tried), by=by).placements[0].offers[0]
    assert offer.propensity == 0.04


@given(st.floats(-1, 1))
def test_who_is_asked_anyway_is_expected_to_change_at_least_so_much(uplift: float) -> None:
    by = decider(RULES, [uplift, 0.0])
    offers = decide(RULES, by=by).placements[0].offers
    assert offers[0].propensity == max(uplift, 0.04)


RULES = usual(made("save", measured=MEASURED | {"keep_trying": 1, "expected": 0.04}))


class Asked(FixedModel):
    """Remembers which actions it was asked about."""

    def __init__(self, rules: RuleBook, propensities: Sequence[float]) -> None:
        super().__init__(rules, propensities)
        self.about: list[list[int]] = []

    def predict(self, features: Any, channel: str, actions: Any) -> Any:
        self.about.append(actions.tolist())
        return super().predict(features, channel, actions)


def test_what_an_action_changes_is_not_asked_where_it_cannot_come() -> None:
    closed = action(
        "save", group="save", measured=MEASURED, eligible_when={"a": "customer.age > 50"}
    )
    rules = usual(book(actions=[closed, action("plain")], policies={"holdouts": HOLDOUT}))
    model = Asked(rules, [0.2, 0.1])
    by = Decider(rules, model, lambda: 0.0)
    young, old = (decide(rules, who=customer(customer_age=age), by=by) for age in (40, 60))
    assert model.about == [[1], [0, 1]]
    assert (shown(young), set(shown(old))) == (["plain"], {"save", "plain"})
    assert young.placements[0].offers[0].propensity == 0.1


def test_what_was_not_asked_does_not_come_when_time_is_short() -> None:
    closed = action(
        "save", group="save", measured=MEASURED, eligible_when={"a": "customer.age > 50"}
    )
    rules = usual(book(actions=[closed, action("plain")], policies={"holdouts": HOLDOUT}))
    by = Decider(rules, FixedModel(rules, [0.2, 0.1]), lambda: 0.0)
    decide(rules, who=customer(customer_age=40), by=by)
    by._score_pace.took(1_000.0)  # the last known are used
    late = decide(rules, who=customer(customer_age=60), by=by, left=0.01)
    assert late.degraded
    assert shown(late) == ["plain"]
