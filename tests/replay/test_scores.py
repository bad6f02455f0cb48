"""Propensities of recorded decisions taken apart, by the model that made them."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.cli.scores import as_json, as_lines
from engine.codec import DecisionRecord
from engine.edges.journal.past import past_decisions
from engine.edges.state.names import DECISIONS
from engine.errors import NotFound
from engine.learn import KIND
from engine.learning.contributions import Contributions
from engine.model import ActionId, Value
from engine.replay.model_then import model_then
from engine.replay.scores import Score, left_out, scores
from engine.rulebook.book import RuleBook
from tests.health.living import ACTIONS, ATTRIBUTES, directory
from tests.rulebook.builders import book

BOTH = (ActionId("young"), ActionId("plain"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return directory(tmp_path_factory.mktemp("living"), 300)


@pytest.fixture(scope="module")
def records(data: Path) -> list[DecisionRecord]:
    return list(past_decisions(data / DECISIONS))


@pytest.fixture(scope="module")
def of() -> RuleBook:
    return book(attributes=ATTRIBUTES, actions=ACTIONS)


def quietly(done: int, total: int) -> None:
    assert done <= total


@pytest.mark.parametrize("at", [0, 1, 150, 299])
def test_the_parts_sum_to_the_propensity_of_that_moment(
    data: Path, records: list[DecisionRecord], of: RuleBook, at: int
) -> None:
    for score in scores(data, records[at], of, BOTH, quietly):
        assert score.as_decided
        assert score.exact
        assert score.recorded is not None
        assert score.given == score.recorded
        assert score.parts.propensity == pytest.approx(score.recorded, rel=1e-12)
        assert score.parts.version == records[at].decision.model_version


def test_what_drives_an_action_stands_first(
    data: Path, records: list[DecisionRecord], of: RuleBook
) -> None:
    [young] = scores(data, records[-1], of, BOTH[:1], quietly)
    strongest = [part.feature for part in young.parts.strongest(3)]
    assert "customer.age" in strongest


def test_of_a_moment_the_journal_does_not_hold_todays_model_speaks(
    data: Path, records: list[DecisionRecord], of: RuleBook
) -> None:
    record = records[150]
    version = record.decision.model_version.rpartition(".")[0]
    ahead = replace(record.decision, model_version=f"{version}.999999")
    [score] = scores(data, DecisionRecord(record.question, ahead), of, BOTH[:1], quietly)
    assert not score.as_decided
    assert "By today's model" in "\n".join(as_lines(score))
    assert "The record says" in "\n".join(as_lines(score))


def test_a_decision_without_the_model_has_no_score(
    data: Path, records: list[DecisionRecord], of: RuleBook
) -> None:
    silent = replace(records[0].decision, features=None)
    with pytest.raises(NotFound, match="without asking the model"):
        scores(data, DecisionRecord(records[0].question, silent), of, BOTH, quietly)


def test_the_last_state_is_taken_from_the_checkpoint(
    data: Path, records: list[DecisionRecord]
) -> None:
    heard: list[int] = []
    everything = model_then(data, f"{KIND}{10**9}", lambda done, total: None)
    assert everything is None
    now = model_then(data, f"{KIND}0", lambda done, total: heard.append(done))
    assert now is not None
    assert now.learner.version == 0
    assert heard == []


def test_without_a_sum_each_feature_is_left_out_once() -> None:
    def ask(features: Sequence[Value]) -> float:
        first, second, _ = features
        return 0.8 if first and second else 0.2

    first, second, third = left_out("abc", (True, True, None), 0.8, ask)
    assert (first.feature, first.value) == ("a", True)
    assert first.logit == pytest.approx(math.log(4) - math.log(1 / 4))
    assert second.logit == first.logit
    assert third.logit == 0.0
    told = Contributions(math.log(4), ((),), (first, second, third), "v")
    score = Score(ActionId("x"), "web", None, 0.8, told, exact=False, as_decided=True)
    text = "\n".join(as_lines(score))
    assert "Not exact" in text
    assert "+2.773  a yes" in text
    assert text.startswith("x on web: propensity 80.00%")
    assert as_json(score)["explained_propensity"] == 0.8


# --- as somebody types it -----------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application(["explain"]), ["explain", *map(str, arguments)])


def test_the_offers_of_a_decision_are_told(data: Path, records: list[DecisionRecord]) -> None:
    decision = records[150].decision
    [offer] = decision.placements[0].offers
    result = run(decision.decision_id, "--data", data, "--score")
    assert result.exit_code == 0, result.output
    first, second, *_ = result.stdout.splitlines()
    assert first == f"{offer.action_id} on web: propensity {offer.propensity:.2%}"
    assert second.startswith("  logit ")
    assert f"By the model that decided, {decision.model_version}." in result.stdout


def test_one_action_is_told_to_a_program(data: Path, records: list[DecisionRecord]) -> None:
    name = records[150].decision.decision_id
    arguments = ("--data", data, "--score", "--action", "plain", "--format", "json")
    [told] = json.loads(run(name, *arguments).stdout)
    logit = told["intercept"] + sum(part["logit"] for part in told["contributions"])
    assert 1 / (1 + math.exp(-logit)) == pytest.approx(told["propensity"], rel=1e-12)
    assert told["contributions"][0]["feature"] is None
    assert told["levels"] == ["", "bundles", "plain on web"]


def test_an_action_that_does_not_exist_is_a_slip_of_the_pen(
    data: Path, records: list[DecisionRecord]
) -> None:
    result = run(records[0].decision.decision_id, "--data", data, "--score", "--action", "yuong")
    assert result.exit_code == 2
    assert "young" in result.output


def test_the_score_of_a_customer_is_that_of_no_decision(data: Path) -> None:
    result = run("c1", "--data", data, "--score")
    assert result.exit_code == 2
    assert "recorded decision" in result.output
