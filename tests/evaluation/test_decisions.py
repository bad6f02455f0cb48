"""Attune's own data directory, written by decisions and responses, read back as a log."""

from pathlib import Path

import pytest

from engine.errors import InvalidInput
from engine.evaluation.decisions import decided
from engine.evaluation.evaluate import evaluate
from engine.evaluation.mapping import columns_for
from engine.evaluation.policies import Uniform
from engine.evaluation.reading import Reading, read_log
from tests.evaluation.traffic import RATES, directory, play, store_at


def read(data: Path) -> Reading:
    table, remarks = decided(data)
    return read_log(table, columns_for(table.columns, ""), remarks=remarks)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 600 decisions."""
    return directory(tmp_path_factory.mktemp("evaluation"), 600)


def test_every_offer_that_was_seen_is_a_choice(data: Path) -> None:
    reading = read(data)
    assert len(reading.log) == 600
    assert reading.log.names == ("a", "b", "c")
    assert int(reading.log.units.max()) + 1 == 300
    assert reading.table["slot"].unique().to_list() == ["web.hero 1"]
    assert reading.remarks == ("600 offers nobody is known to have seen are left out.",)


def test_the_best_response_is_the_reward(data: Path) -> None:
    log = read(data).log
    for at, name in enumerate(log.names):
        assert log.rewards[log.actions == at].mean() == pytest.approx(RATES[name], abs=0.15)
    assert set(log.rewards.tolist()) == {0.0, 1.0}


def test_who_competed_is_known_by_name(data: Path) -> None:
    log = read(data).log
    assert log.candidates is not None
    assert log.candidates.all()


def test_the_model_of_the_reward_sees_what_the_model_saw(data: Path) -> None:
    assert "customer.age" in read(data).features


def test_the_uniform_policy_is_told_from_it(data: Path) -> None:
    evaluation = evaluate(read(data).log, Uniform())
    truth = sum(RATES.values()) / 3
    assert evaluation.headline.bootstrap.covers(truth)
    assert evaluation.overlap.mean_weight == pytest.approx(1.0, abs=0.15)


async def test_another_rule_book_in_between_changes_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await play(store, 100)
        await play(store, 100, version=1)
    reading = read(tmp_path)
    assert reading.log.names == ("a", "b", "c")
    assert len(reading.log) == 200


async def test_a_log_can_be_read_while_a_service_has_it(data: Path) -> None:
    async with store_at(data):
        assert len(read(data).log) == 600


def test_a_directory_without_choices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds no journal\.db"):
        decided(tmp_path)


async def test_decisions_without_responses_are_refused(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    with pytest.raises(InvalidInput, match="holds no offer of which a response"):
        decided(tmp_path)
