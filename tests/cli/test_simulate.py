import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.simulate import simulate
from tests.evaluation.traffic import directory
from tests.rulebook.builders import action, files

app = typer.Typer()
app.command()(simulate)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return directory(tmp_path_factory.mktemp("simulated"), 400)


def written(path: Path, *names: str) -> Path:
    """A rule book with these actions, as files."""
    for name, content in files(actions=[action(name, value=10) for name in names]).items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def test_text_is_for_marketing(data: Path, tmp_path: Path) -> None:
    result = run("--rules", written(tmp_path, "b", "c"), "--log", data)
    assert result.exit_code == 0
    assert "400 decisions were made again" in result.stdout
    assert "Acceptance: " in result.stdout
    assert ", today " in result.stdout
    assert "Offers by action" in result.stdout


def test_json_has_the_sentences_too(data: Path, tmp_path: Path) -> None:
    book = written(tmp_path, "a", "b", "c")
    result = run("--rules", book, "--against", book, "--log", data, "--format", "json")
    report = json.loads(result.stdout)
    assert report["sentences"][0].startswith("Acceptance: ")
    assert "before" in report["sentences"][0]
    assert report["decisions"] == 400


@pytest.mark.parametrize(
    ("broken", "message"),
    [("nowhere", "there is no directory"), ("empty", "attributes.yaml")],
)
def test_a_book_that_cannot_be_used_ends_with_one(
    data: Path, tmp_path: Path, broken: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = run("--rules", tmp_path / broken, "--log", data)
    assert result.exit_code == 1
    assert message in result.output


def test_a_log_that_is_none_ends_with_one_and_a_sentence(tmp_path: Path) -> None:
    result = run("--rules", written(tmp_path / "book", "a"), "--log", tmp_path)
    assert result.exit_code == 1
    assert "holds no journal.db" in result.stderr
