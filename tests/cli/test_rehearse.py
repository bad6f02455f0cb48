"""`attune test` as people and programs meet it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from tests.rulebook.builders import POLICIES, files

STORIES: list[dict[str, Any]] = [
    {
        "name": "an adult is asked to stay",
        "customer": {"customer.age": 40, "consent.marketing": True, "consent.channels": ["web"]},
        "request": {"placement": "web.hero"},
        "now": "2026-11-21",
        "expect": {"first": "stay"},
    },
    {
        "name": "a child gets data",
        "customer": {"customer.age": 9, "consent.marketing": True, "consent.channels": ["web"]},
        "request": {"placement": "web.hero"},
        "now": "2026-11-21",
        "expect": {"includes": ["data_5gb"]},
    },
    {
        "name": "nobody we know nothing of is sold anything",
        "request": {"placement": "web.hero"},
        "expect": {"not": ["stay"]},
    },
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application(["test"]), ["test", *arguments])


def folder(at: Path, stories: list[dict[str, Any]]) -> str:
    more = {"tests/all.yaml": json.dumps({"tests": stories}, indent=1)} if stories else {}
    for path, content in files(more=more).items():
        (at / path).parent.mkdir(exist_ok=True)
        (at / path).write_bytes(content)
    return str(at)


@pytest.fixture
def book(tmp_path: Path) -> str:
    return folder(tmp_path, STORIES)


def test_one_line_for_each_test_then_what_failed_then_the_sum(book: str) -> None:
    result = run(book)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines == [
        "1/3 ok      an adult is asked to stay",
        "2/3 FAILED  a child gets data",
        "3/3 ok      nobody we know nothing of is sold anything",
        "",
        f"{book}/tests/all.yaml:20: a child gets data",
        f"  expected  includes: [data_5gb]   ({book}/tests/all.yaml:34)",
        "  came      stay",
        "  data_5gb is out:",
        "    eligible_when.adult is false: customer.age >= 18",
        "      saw customer.age = 9",
        f"      at  {book}/actions/all.yaml:6:14",
        "",
        f"{book}: 1 failed, 2 passed",
    ]


def test_all_pass(tmp_path: Path) -> None:
    result = run(folder(tmp_path, STORIES[:1]))
    assert result.exit_code == 0
    assert result.stdout.endswith(f"{tmp_path}: 1 passed\n")


def test_some_of_them(book: str) -> None:
    result = run(book, "-k", "Adult")
    assert result.exit_code == 0
    assert result.stdout.startswith("1/1 ok ")
    nothing = run(book, "-k", "pensioner")
    assert nothing.exit_code == 2
    assert "has 'pensioner' in its name" in nothing.stderr


def test_for_programs(book: str) -> None:
    result = run(book, "--format", "json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["passed"], told["failed"]) == (2, 1)
    passed, failed, _ = told["tests"]
    assert passed == {
        "name": "an adult is asked to stay",
        "file": "tests/all.yaml",
        "line": 3,
        "verdict": "passed",
    }
    (shortfall,) = failed["shortfalls"]
    assert (shortfall["line"], shortfall["came"]) == (34, "stay")
    (out,) = shortfall["out"]
    assert out["action"] == "data_5gb"
    assert out["reasons"] == [
        {
            "code": "eligible_when.adult",
            "stage": "eligibility",
            "unknown": False,
            "detail": "customer.age >= 18",
            "place": "actions/all.yaml:6:14",
            "saw": {"customer.age": "9"},
        }
    ]


def test_a_broken_book_prints_its_mistakes(book: str) -> None:
    (Path(book) / "policies.yaml").write_text(POLICIES.replace("slots: 2", "slots: no"))
    result = run(book)
    assert result.exit_code == 2
    assert f"{book}/policies.yaml:13:12: expected a whole number" in result.stdout
    told = run(book, "--format", "json")
    assert (told.exit_code, json.loads(told.stdout)["valid"]) == (2, False)


def test_no_tests_and_no_book(tmp_path: Path) -> None:
    nowhere = run(str(tmp_path / "nowhere"))
    assert nowhere.exit_code == 2
    assert "there is no directory" in nowhere.stderr
    none = run(folder(tmp_path, []))
    assert none.exit_code == 0
    assert "there are no tests yet" in none.stdout


def test_help_shows_an_example() -> None:
    assert "attune test rules/telecom" in run("--help").stdout
