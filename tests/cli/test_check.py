"""`attune check` as people and programs meet it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.cli.check import as_text
from engine.rulebook.diagnostics import Diagnostic, Severity
from tests.rulebook.builders import POLICIES, files

STOPPED = "stopped: [{action: stay, until: 2026-11-01, owner: Anna, reason: over}]\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application(["check"]), ["check", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in files().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def test_a_valid_book(folder: Path) -> None:
    result = run(str(folder))
    assert result.exit_code == 0
    assert result.stdout == f"{folder}: valid (0 errors, 0 notices)\n"


def test_every_mistake_with_a_place_an_editor_can_jump_to(folder: Path) -> None:
    text = POLICIES.replace("slots: 2", "slots: no").replace("lever: 10", "levr: 10")
    (folder / "policies.yaml").write_text(text)
    (folder / "stop.yaml").write_text(STOPPED)
    result = run(str(folder))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{folder}/policies.yaml:6:25: unknown key 'levr'")
    assert lines[1].startswith(f"{folder}/policies.yaml:13:12: expected a whole number")
    assert lines[2].startswith(f"{folder}/stop.yaml:1:20: notice: over")
    assert lines[3] == f"{folder}: not valid (2 errors, 1 notice)"
    assert "\x1b" not in result.stdout


def test_for_programs(folder: Path) -> None:
    (folder / "policies.yaml").write_text(POLICIES.replace("slots: 2", "slots: -2"))
    result = run(str(folder), "--format", "json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told == {
        "valid": False,
        "diagnostics": [
            {
                "file": "policies.yaml",
                "line": 13,
                "column": 12,
                "message": "the number -2 is not between 1 and 1000",
                "severity": "error",
            }
        ],
    }


def test_where_there_is_no_book(tmp_path: Path) -> None:
    result = run(str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "there is no directory" in result.stderr
    (tmp_path / "file").write_text("")
    assert "is a file" in run(str(tmp_path / "file")).stderr


def test_colour_marks_the_place_and_the_mistake() -> None:
    found = [
        Diagnostic("a.yaml", 1, 2, "wrong"),
        Diagnostic("a.yaml", 1, 2, "later", Severity.NOTICE),
    ]
    assert "\x1b[31mwrong" in as_text(found, Path("book"), colour=True)
    assert as_text(found, Path("book")).splitlines()[:2] == [
        "book/a.yaml:1:2: wrong",
        "book/a.yaml:1:2: notice: later",
    ]


def test_what_is_no_longer_asked_is_listed_by_name(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    for path, content in files(policies={"all_actions": {}}).items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_bytes(content)
    result = run(str(new), "--against", str(folder))
    assert result.exit_code == 0
    listed, summary = result.stdout.splitlines()
    assert listed.startswith("loosened: policies.yaml:9:14: applicable_when.consent is no longer")
    assert summary == f"{new}: valid (0 errors, 0 notices)"
    as_program = json.loads(run(str(new), "--against", str(folder), "--format", "json").stdout)
    (loosened,) = as_program["loosened"]
    assert loosened["kind"] == "removed"
    assert loosened["actions"] == ["data_5gb", "stay"]


def test_a_broken_book_is_nothing_to_compare_with(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    result = run(str(folder), "--against", str(tmp_path / "old"))
    assert result.exit_code == 2
    assert "has mistakes itself" in result.stderr
