import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.backtest import backtest

app = typer.Typer()
app.command()(backtest)

ROWS = "plan;age;answer\n" + "".join(
    f"{'SML'[n % 3]};{20 + n % 40};{'yes' if n % 3 == 0 else 'no'}\n" for n in range(300)
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "calls.csv"
    path.write_text(ROWS)
    return str(path)


def test_json_has_the_promised_keys(file: str) -> None:
    result = run(file, "--target", "answer=yes", "--format", "json")
    report = json.loads(result.stdout)
    assert {"auc", "log_loss", "constant_log_loss", "rows", "us_per_row"} <= report.keys()
    assert report["rows"] == 300
    assert report["auc"] > 0.9


def test_text_is_for_people(file: str) -> None:
    result = run(file, "--target", "answer=yes", "--sep", ";", "--drop", "age")
    assert result.exit_code == 0
    assert "300 rows, 1 features" in result.stdout
    assert "ROC AUC" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "answer=si"], "answer is never 'si'"),
        (["--target", "answer=yes", "--sep", "ab"], "--sep: 'ab' is not one ASCII character"),
        (["--target", "answer=yes", "--drop", "pln"], "Did you mean 'plan'?"),
    ],
)
def test_mistakes_end_with_one_and_a_sentence(
    file: str, arguments: list[str], message: str
) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_a_missing_file_ends_with_one_and_a_sentence() -> None:
    result = run("nowhere.csv", "--target", "a=b")
    assert result.exit_code == 1
    assert "there is no such file" in result.stderr


def test_tab_may_be_written_as_a_word(tmp_path: Path) -> None:
    path = tmp_path / "calls.tsv"
    path.write_text(ROWS.replace(";", "\t"))
    assert run(str(path), "--target", "answer=yes", "--sep", "tab").exit_code == 0
