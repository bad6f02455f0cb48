"""What is exported is loaded and drawn by pdstools itself."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pdstools import IH, ADMDatamart
from plotly.graph_objects import Figure
from typer.testing import CliRunner

from engine.cli import application
from engine.exports.files import export
from engine.exports.kinds import Export, FileFormat
from engine.health.measures import auc
from engine.health.models import by_model
from engine.health.seen import lessons_in
from engine.model import DAY
from tests.builders import NOW
from tests.health.living import DAYS

VISITS = 600


@pytest.fixture(scope="module", params=list(FileFormat))
def exported(request: pytest.FixtureRequest, data: Path, tmp_path_factory) -> Path:
    into: Path = tmp_path_factory.mktemp(str(request.param))
    written = export(data, into, tuple(Export), request.param)
    assert [path.parent for path, _ in written] == [into] * 3
    return into


@pytest.fixture(scope="module")
def mart(exported: Path) -> ADMDatamart:
    loaded: ADMDatamart = ADMDatamart.from_ds_export(base_path=str(exported))
    return loaded


def models_of(mart: ADMDatamart) -> pl.DataFrame:
    assert mart.model_data is not None
    return mart.model_data.collect()


def bins_of(mart: ADMDatamart, model: str) -> pl.DataFrame:
    assert mart.predictor_data is not None
    return mart.predictor_data.filter(ModelID=model).collect()


def history(directory: Path) -> IH:
    [file] = directory.glob("*InteractionHistory*")
    return IH.from_ds_export(str(file))


def test_models_come_by_day_and_those_without_responses_once(mart: ADMDatamart) -> None:
    models = models_of(mart)
    counted = dict(models.group_by("ModelID").len().iter_rows())
    assert counted == {
        "young!web": DAYS + 1,
        "plain!web": DAYS + 1,
        "later!web": 1,
        "minors_only!web": 1,
    }
    last = models.filter(pl.col("SnapshotTime") == pl.col("SnapshotTime").max().over("ModelID"))
    assert last["ResponseCount"].sum() == VISITS
    assert set(models["Issue"].to_list()) == {"grow"}
    assert set(models["Direction"].to_list()) == {"Inbound"}


def test_models_have_the_auc_of_their_offers(mart: ADMDatamart, data: Path) -> None:
    young = models_of(mart).filter(ModelID="young!web").sort("SnapshotTime")
    [offers] = [o for k, o in by_model(lessons_in(data).offers.values()).items() if k[0] == "young"]
    truth = auc(
        np.array([seen.exposure.propensity for seen in offers]),
        np.array([seen.reward for seen in offers]),
    )
    assert truth is not None
    assert young["Performance"][-1] == pytest.approx(truth.value)
    assert young["Positives"][-1] == sum(seen.reward for seen in offers)
    assert young["ResponseCount"].is_sorted()


def test_predictors_are_binned(mart: ADMDatamart) -> None:
    bins = bins_of(mart, "young!web")
    age = bins.filter(PredictorName="customer.age").sort("BinIndex")
    assert len(age) == 10
    rates = (age["BinPositives"] / age["BinResponseCount"]).to_list()
    assert min(rates[:3]) > max(rates[-6:])
    assert age["Performance"][0] > 0.7
    assert age["BinLowerBound"].is_sorted()
    segment = bins.filter(PredictorName="customer.segment")
    assert segment["BinSymbol"].to_list() == ["mass"]
    names = set(bins["PredictorName"].to_list())
    assert "Classifier" in names
    assert not {"customer.gender", "customer.income"} & names
    for _, part in bins.group_by("PredictorName"):
        assert part["BinPositives"].sum() == part["Positives"][0]
        assert part["BinResponseCount"].sum() == part["ResponseCount"][0]


@pytest.mark.parametrize(
    "plot",
    [
        "bubble_chart",
        "over_time",
        "proposition_success_rates",
        "performance_volume_distribution",
        "tree_map",
        "predictor_performance",
        "predictor_category_performance",
        "predictor_contribution",
        "predictor_performance_heatmap",
        "predictor_count",
    ],
)
def test_the_datamart_is_drawn(mart: ADMDatamart, plot: str) -> None:
    assert isinstance(getattr(mart.plot, plot)(), Figure)


def test_gains_score_and_bins_are_drawn(mart: ADMDatamart) -> None:
    assert isinstance(mart.plot.gains_chart("ResponseCount"), Figure)
    assert isinstance(mart.plot.score_distribution("young!web"), Figure)
    assert isinstance(mart.plot.predictor_binning("young!web", "customer.age"), Figure)
    assert isinstance(mart.plot.binning_lift("young!web", "customer.age"), Figure)


def test_its_own_health_check_sees_the_models_that_nobody_answered(mart: ADMDatamart) -> None:
    [headline] = [one for one in mart.analysis.findings() if one.category == "summary"]
    assert headline.data is not None
    assert headline.data["pct_never_used"] == 50.0


def test_the_interaction_history_is_loaded_and_drawn(exported: Path, data: Path) -> None:
    read = history(exported)
    rows = read.data.collect()
    offers = lessons_in(data).offers
    accepted = sum(seen.reward for seen in offers.values())
    assert dict(rows.group_by("Outcome").len().iter_rows()) == {
        "Impression": VISITS,
        "Accepted": accepted,
    }
    assert rows["InteractionID"].n_unique() == VISITS
    assert rows["Treatment"].null_count() == 0
    for plot in ("response_count_tree_map", "success_rate", "response_count"):
        assert isinstance(getattr(read.plot, plot)(), Figure)


def test_only_the_days_asked_for_are_exported(data: Path, tmp_path: Path) -> None:
    late = export(data, tmp_path, [Export.MODELS], FileFormat.PARQUET, since=NOW - DAY)
    [(file, rows)] = late
    assert rows == 6
    last = pl.read_parquet(file).group_by("pyModelID").agg(pl.col("pyResponseCount").max())
    assert last["pyResponseCount"].sum() == pytest.approx(VISITS / DAYS, abs=1)


def test_from_the_command_line(data: Path, tmp_path: Path) -> None:
    arguments = ["export", "models", "interactions", "--data", str(data), "--to", str(tmp_path)]
    result = CliRunner().invoke(application(["export"]), [*arguments, "--as", "csv"])
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("*.csv"))) == 2
    told = CliRunner().invoke(application(["export"]), [*arguments, "--format", "json"])
    assert [one["rows"] > 0 for one in json.loads(told.stdout)] == [True, True]


def test_what_is_no_data_directory_is_refused(tmp_path: Path) -> None:
    arguments = ["export", "--data", str(tmp_path), "--to", str(tmp_path / "out")]
    result = CliRunner().invoke(application(["export"]), arguments)
    assert result.exit_code == 2
    assert "holds no rule book" in result.stderr
