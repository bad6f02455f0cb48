"""The Open Bandit Dataset: one policy's log must tell what another one's own log shows."""

from pathlib import Path

import pytest

from engine.backtest.table import read_table
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.mapping import columns_for
from engine.evaluation.policies import Uniform
from engine.evaluation.reading import Reading, read_log

DATA = Path(__file__).parents[3] / "shared/data/obd"
CAMPAIGNS = ("all", "women")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"needs the Open Bandit Dataset in {DATA}"
)


def log_by(policy: str, campaign: str) -> Reading:
    table = read_table(DATA / policy / f"{campaign}.csv.gz")
    return read_log(table, columns_for(table.columns, ""))


@pytest.fixture(scope="module", params=CAMPAIGNS)
def campaign(request: pytest.FixtureRequest) -> tuple[Evaluation, Evaluation]:
    """The uniform policy, told from Thompson sampling's log, and from its own."""
    told, own = (evaluate(log_by(by, request.param).log, Uniform()) for by in ("bts", "random"))
    return told, own


def test_the_intervals_cover_what_the_uniform_policy_earned(
    campaign: tuple[Evaluation, Evaluation],
) -> None:
    told, own = campaign
    assert all(estimate.bootstrap.covers(own.logged.value) for estimate in told.estimates)
    bounds = [estimate.bernstein for estimate in told.estimates if estimate.bernstein is not None]
    assert all(bound.covers(own.logged.value) for bound in bounds)


def test_its_own_log_needs_no_weights(campaign: tuple[Evaluation, Evaluation]) -> None:
    _, own = campaign
    assert own.overlap.effective_rows == pytest.approx(10_000)
    assert own.estimates[0].value == pytest.approx(own.logged.value)


def test_where_the_logs_hardly_overlap_nothing_is_concluded() -> None:
    """In `women` one row of 10,000 has two thirds of all weight."""
    women = evaluate(log_by("bts", "women").log, Uniform())
    assert women.overlap.effective_rows < 3
    assert women.refusals
    assert not evaluate(log_by("bts", "all").log, Uniform()).refusals
