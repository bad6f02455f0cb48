import json
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.evaluate import evaluate

app = typer.Typer()
app.command()(evaluate)

ROWS = "offer,sold,p,age\n" + "".join(
    f"{'ab'[n % 2]},{'yes' if n % 4 == 0 else 'no'},0.5,{20 + n % 40}\n" for n in range(800)
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(ROWS)
    (tmp_path / "map.yaml").write_text("{action: offer, reward: sold, probability: p}\n")
    (tmp_path / "policy.csv").write_text("offer,probability\na,1\nb,0\n")
    return path


def test_text_is_for_people(log: Path) -> None:
    result = run(log, "--map", log.parent / "map.yaml", "--policy", log.parent / "policy.csv")
    assert result.exit_code == 0
    assert "800 choices among 2 actions; the reward model sees 1 features" in result.stdout
    assert "doubly robust" in result.stdout
    assert "Clearly more. The policy would earn 0.49" in result.stdout
    assert result.stderr == ""


def test_json_has_the_promised_keys(log: Path) -> None:
    result = run(log, "--map", log.parent / "map.yaml", "--format", "json")
    report = json.loads(result.stdout)
    assert {"choices", "estimates", "logged", "difference", "overlap", "refusals"} <= report.keys()
    assert report["conclusion"].startswith("No clear difference.")
    assert report["estimates"][0]["estimator"] == "ips"
    assert report["estimates"][0]["value"] == pytest.approx(0.25)
    assert len(report["estimates"][0]["bootstrap"]) == 2


def test_parquet_is_read_alike(log: Path) -> None:
    parquet = log.with_suffix(".parquet")
    pl.read_csv(log).write_parquet(parquet)
    options = ("--map", log.parent / "map.yaml", "--format", "json")
    assert run(parquet, *options).stdout == run(log, *options).stdout


def test_a_refusal_is_a_sentence_and_no_error(log: Path) -> None:
    (log.parent / "policy.csv").write_text("offer,probability\nc,1\n")
    result = run(log, "--map", log.parent / "map.yaml", "--policy", log.parent / "policy.csv")
    assert result.exit_code == 0
    assert "No conclusion: the log cannot tell what this policy would earn." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which column is the action"),
        (["--map", "obd"], "the log has no column 'item_id'"),
        (["--map", "map.yaml", "--policy", "unifrom"], "there is no such file"),
    ],
)
def test_mistakes_end_with_one_and_a_sentence(
    log: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log.parent)
    result = run(log, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""
