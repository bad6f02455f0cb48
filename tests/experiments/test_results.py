"""Trials counted from a data directory: real decisions, responses drawn from known rates."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.codec import DecisionRecord
from engine.edges.rules.kept import keep
from engine.errors import InvalidInput
from engine.experiments.results import Measure, Outcome, Results, results
from engine.features import FeatureSchema
from engine.lift import Ratio
from engine.model import CustomerId, DecisionId, Event, EventId, Interaction
from engine.rulebook.load import load
from engine.simulation.simulate import simulate
from tests.builders import NOW, customer, decide, decider, question
from tests.evaluation.traffic import seen, store_at
from tests.rulebook.builders import action, book, files

RATES = {"dear": 0.05, "wanted": 0.5}
ACTIONS = [action("dear", value=1, lever=900), action("wanted", value=2)]
TRIALS = {
    "arbitration": {"exploration": {"policy": "greedy"}},
    "holdouts": {"nobody_asked": {"share": 0.2, "period": "month", "salt": "s"}},
    "experiments": {"no_levers": 0.25},
}
PEOPLE = 800


async def play(path: Path, missing: str = "") -> None:
    """Two decisions for each of 800 customers; of those in the trial `missing` half do not come."""
    of = book(actions=ACTIONS, policies=TRIALS)
    by, chance = decider(of), np.random.default_rng(1)
    schema = FeatureSchema.for_book(of)
    async with store_at(path) as store:
        await store.note_schema(schema.digest, schema.to_dict())
        for at in range(2 * PEOPLE):
            name = CustomerId(f"c{at // 2}")
            asked = question("web.hero", customer_id=name, max_offers=1)
            made = decide(of, asked, customer(), seed=at, by=by)
            made.decision_id = DecisionId(f"d{at}")
            if missing and made.holdout == missing and at // 2 % 2:
                continue
            assert store.record(DecisionRecord(asked, made))
            events = []
            if not made.placements[0].fallback:
                offer = made.placements[0].offers[0]
                taken = chance.uniform() < RATES[offer.action_id]
                events.append(seen(made, offer, "accept" if taken else "impression", float(taken)))
            if at // 2 % (4 if made.holdout == "nobody_asked" else 20) == 0:
                left = Interaction("churned")
                events.append(Event(EventId(f"e{at}"), name, NOW + 1, left))
            await store.append(events)
    keep(path, files(actions=ACTIONS, policies=TRIALS))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("experiments")
    asyncio.run(play(path))
    return path


def group(found: Results, trial: str, name: str) -> Outcome:
    [result] = [result for result in found.trials if result.name == trial]
    [outcome] = [outcome for outcome in result.outcomes if outcome.name == name]
    return outcome


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application(["experiments"]), ["experiments", *map(str, arguments)])


def test_every_customer_is_in_one_group_of_each_trial(data: Path) -> None:
    found = results(data)
    assert (found.decisions, found.strange) == (2 * PEOPLE, 0)
    held, others = (group(found, "nobody_asked", name) for name in ("nobody_asked", "usual"))
    assert held.customers + others.customers == PEOPLE
    assert held.decisions == 2 * held.customers
    assert (held.offered, others.offered) == (0, others.decisions)
    arm, usual = (group(found, "experiments", name) for name in ("no_levers", "usual"))
    assert arm.customers + usual.customers == others.customers
    assert not any(result.mismatch.alarm for result in found.trials)


def test_what_levers_cost_here_is_found(data: Path) -> None:
    arm = group(results(data), "experiments", "no_levers")
    low, high = arm.acceptance.ratio.interval
    assert low < RATES["wanted"] < high
    lift = arm.acceptance.lift
    assert lift is not None
    assert lift.low < RATES["dear"] - RATES["wanted"] < lift.high
    assert arm.value.ratio.estimate == pytest.approx(2 * 2 * arm.acceptance.ratio.estimate)


def test_what_customers_do_is_compared_too(data: Path) -> None:
    found = results(data, event="churned")
    held = group(found, "nobody_asked", "nobody_asked").reached
    usual = group(found, "nobody_asked", "usual").reached
    assert held is not None
    assert usual is not None
    assert held.lift is not None
    assert held.ratio.estimate == pytest.approx(0.25, abs=0.1)
    assert usual.lift is None
    assert usual.ratio.estimate == pytest.approx(0.05, abs=0.02)
    assert held.lift.high < 0


def test_who_can_accept_nothing_accepts_nothing_for_certain(data: Path) -> None:
    held = group(results(data), "nobody_asked", "nobody_asked").acceptance
    assert held.lift is not None
    assert held.lift.low > 0
    assert held.relative is None


def test_a_few_customers_are_not_compared() -> None:
    few = Measure(Ratio(0.0, 0.0, 40), 0)
    many = Measure(Ratio(0.2, 0.01, 1_900), 388)
    assert few.below(many).lift is None
    assert few.below(many, certain=True).lift is not None
    assert replace(few, successes=5).below(many).lift is not None
    assert many.below(few).lift is None
    assert Measure(Ratio(0.0, 0.0, 9), 0).below(many, certain=True).lift is None


def test_decisions_before_a_time_are_left_aside(data: Path) -> None:
    assert results(data, since=NOW + 1).decisions == 0


def test_a_trial_of_another_book_is_left_aside(data: Path) -> None:
    other = book(actions=ACTIONS, policies={"experiments": {"no_levers": 0.25}})
    found = results(data, other)
    assert found.strange > 0
    assert [result.name for result in found.trials] == ["experiments"]


def test_missing_customers_raise_the_alarm(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path, missing="no_levers"))
    [_, arms] = results(tmp_path).trials
    assert arms.mismatch.alarm
    told = run("--data", tmp_path).stdout
    assert "ALARM, sample-ratio mismatch: usual" in told
    assert "The usual against no_levers" not in told


def test_a_book_without_trials_is_told_so(data: Path) -> None:
    with pytest.raises(InvalidInput, match="no holdouts and no experiments"):
        results(data, book())


def test_text_is_for_people(data: Path) -> None:
    ran = run("--data", data)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("1,600 decisions\n\nnobody_asked\n")
    assert "The usual against no_levers (levers count for nothing): acceptance -" in ran.stdout


def test_programs_get_json(data: Path) -> None:
    ran = run("--data", data, "--format", "json", "--event", "churned")
    report = json.loads(ran.stdout)
    assert (report["decisions"], report["event"]) == (1_600, "churned")
    [_, trial] = report["trials"]
    assert trial["mismatch"]["alarm"] is False
    [usual, arm] = trial["groups"]
    assert (usual["name"], arm["name"], arm["share"]) == ("usual", "no_levers", 0.25)
    assert {"estimate", "interval", "successes", "usual_above_it"} == arm["value"].keys()
    assert len(trial["sentences"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "holds no rule book: name one with --rules"),
        (["--data", "nowhere", "--since", "soon"], "'soon' is no time"),
        (["--data", "nowhere", "--rules", "none"], "there is no"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], message: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code != 0
    assert message in ran.stderr


def test_simulate_and_evaluate_leave_trials_aside(data: Path) -> None:
    found = load(files(actions=ACTIONS, policies=TRIALS)).book
    assert found is not None
    usual = group(results(data), "experiments", "usual")
    assert simulate(data, found).decisions == usual.decisions
