"""`attune health` as somebody types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from tests.health.living import directory


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return directory(tmp_path_factory.mktemp("living"), 300)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application(["health"]), ["health", *map(str, arguments)])


def test_what_is_critical_comes_first_and_ends_with_status_one(data: Path) -> None:
    result = run("--data", data, "--days", 0)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Health: ")
    assert lines[3].split()[0] == "critical"
    assert "young on web" in result.stdout


def test_json_holds_every_model(data: Path) -> None:
    result = run("--data", data, "--days", 0, "--format", "json")
    told = json.loads(result.stdout)
    assert {model["action"] for model in told["models"]} == {"young", "plain"}
    assert told["decisions"] == 300
    assert {"no_action.web", "optionality.web"} <= {one["code"] for one in told["findings"]}


def test_plots_are_written_beside_the_answer(data: Path, tmp_path: Path) -> None:
    result = run("--data", data, "--days", 0, "--plots", tmp_path / "plots", "--format", "json")
    assert json.loads(result.stdout)
    assert (tmp_path / "plots" / "health.html").is_file()


def test_what_is_no_data_directory_cannot_be_told(tmp_path: Path) -> None:
    result = run("--data", tmp_path)
    assert result.exit_code == 2
    assert "holds no rule book" in result.stderr


def test_what_is_no_rule_book_cannot_be_told(data: Path, tmp_path: Path) -> None:
    result = run("--data", data, "--rules", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_the_last_days_hold_nothing(data: Path) -> None:
    assert "No decisions are kept of this time" in run("--data", data, "--days", 0.00001).stdout
