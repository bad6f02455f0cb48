"""`attune diff` as a person types it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.comparison.outlook import Visit
from engine.edges.journal.decisions import DecisionLog, Retention
from engine.edges.rules.kept import keep
from engine.model import Customer, CustomerId, PlacementId, Value
from engine.rulebook.load import load
from tests.cli.conftest import Attune
from tests.comparison.serving import NOW, Serving
from tests.rulebook.builders import ACTIONS, ATTRIBUTES, POLICIES, files

PEOPLE = """\
customer_id,customer.age,consent.marketing,consent.channels,telco.data_used_pct
anna,17,yes,web;ivr,81.5
bo,19,yes,web,10
cy,40,no,web,10
di,,yes,web,10
"""
YOUNGER = ACTIONS.replace(">= 18", ">= 16")


def run(*arguments: object, width: int = 160) -> Result:
    words = ["diff", *map(str, arguments)]
    return CliRunner().invoke(application(["diff"]), words, env={"COLUMNS": str(width)})


def written(directory: Path, content: Mapping[str, bytes]) -> Path:
    for name, text in content.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    return directory


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return written(tmp_path / "old", files())


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return written(tmp_path / "new", files(actions=YOUNGER))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    return file


def counted(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_in_words(old: Path, new: Path) -> None:
    result = run(old, new)
    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        f"Rules  {old} → {new}",
        "",
        "  What asks less: more customers get through",
        "    eligible_when.adult of data_5gb changed from 'customer.age >= 18' to 'customer.age >= 16'",
        f"      {new}/actions/all.yaml:6:14",
    ]


def test_two_equal_books(old: Path) -> None:
    result = run(old, old, "--fail-on-loosened")
    assert result.exit_code == 0
    assert "Both say the same." in result.stdout


def test_what_asks_less_fails_where_that_is_wished(old: Path, new: Path) -> None:
    assert run(old, new, "--fail-on-loosened").exit_code == 1
    assert run(new, old, "--fail-on-loosened").exit_code == 0


def test_in_people(old: Path, new: Path, people: Path) -> None:
    result = run(old, new, "--customers", people, "--now", "2026-11-21")
    assert result.exit_code == 0, result.output
    for said in (
        f"People  4 customers of {people}",
        "1     25 %  gain at least one action",
        "0      0 %  lose at least one action",
        "+ anna",
        "web.hero  something else for 1 of 4 customers (25 %), e.g. anna",
        "Everybody is asked about at 2026-11-21T00:00:00Z",
        "P is 1",
    ):
        assert said in result.stdout, result.stdout


def test_for_programs(old: Path, new: Path, people: Path) -> None:
    found = counted(old, new, "--customers", people, "--now", "2026-11-21")
    assert found["looser"] is True
    assert [change["effect"] for change in found["changes"]] == ["asks less"]
    told = found["people"]
    assert (told["rows"], told["gaining"], told["losing"], told["shown_something_else"]) == (
        4, 1, 0, 1,
    )  # fmt: skip
    (data, stay) = told["actions"]
    assert (data["action"], data["passes"]) == ("data_5gb", {"old": 1, "new": 2})
    assert (data["gained"], data["gained_ids"]) == (1, ["anna"])
    assert stay["shown"] == {"old": 3, "new": 3}
    assert told["missing"] == ["customer.complaint_open"]


def test_rows_with_mistakes_are_named_and_left_out(old: Path, new: Path, people: Path) -> None:
    people.write_text(PEOPLE + "ed,old,yes,web,1\n")
    result = run(old, new, "--customers", people)
    assert "4 customers" in result.stdout
    assert "line 6, column customer.age: 'old' must be a whole number" in result.stdout
    assert counted(old, new, "--customers", people)["people"]["mistakes"] == 1


def test_a_mapping_and_what_every_request_says(old: Path, tmp_path: Path) -> None:
    asking = ACTIONS.replace("adult: customer.age >= 18", "asks: request.reason == 'cancel'")
    new = written(tmp_path / "asking", files(actions=asking))
    table, mapping = tmp_path / "table.csv", tmp_path / "map.yaml"
    table.write_text("no;years;mail\n1;30;J\n2;10;J\n")
    mapping.write_text(
        "id: no\ncolumns:\n  years: customer.age\n  mail: {to: consent.marketing, values: {J: true}}\n"
        "constants: {consent.channels: [web, ivr]}\n"
    )
    options = ("--customers", table, "--map", mapping)
    plain = counted(old, new, *options)["people"]
    assert (plain["gaining"], plain["losing"]) == (0, 1)
    asked = counted(old, new, *options, "-c", "request.reason=cancel")["people"]
    assert (asked["gaining"], asked["losing"]) == (1, 0)


def test_what_is_answered_row_by_row_is_said(old: Path, people: Path, tmp_path: Path) -> None:
    odd = ACTIONS.replace("customer.age >= 18", "'[customer.age].exists(a, a >= 18)'")
    new = written(tmp_path / "odd", files(actions=odd))
    result = run(old, new, "--customers", people, "--verbose")
    assert "Answered row by row, for a list written out" in result.stdout
    assert "0      0 %  gain at least one action" in result.stdout


def test_a_broken_book_is_told_with_its_places(old: Path, tmp_path: Path) -> None:
    broken = written(
        tmp_path / "broken", files(actions=ACTIONS.replace("customer.age", "customer.agee"))
    )
    result = run(old, broken)
    assert result.exit_code == 1
    assert f"{broken}/actions/all.yaml:6:14" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--customers", "nobody.csv"], "there is no file nobody.csv"),
        (["--log", "nowhere"], "holds no decisions"),
    ],
)
def test_what_is_not_there(old: Path, new: Path, options: list[str], said: str) -> None:
    result = run(old, new, *options)
    assert result.exit_code == 2
    assert said in result.output


def test_no_directory(old: Path) -> None:
    result = run(old, "nowhere")
    assert (result.exit_code, "there is no directory nowhere" in result.output) == (2, True)


@pytest.mark.parametrize(
    "options", [["--customers", "a", "--log", "b"], ["--now", "2026-01-01"], ["--map", "m"]]
)
def test_options_that_do_not_go_together(old: Path, new: Path, options: list[str]) -> None:
    assert run(old, new, *options).exit_code == 2


def test_a_table_without_ids(old: Path, new: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("customer.age\n3\n")
    result = run(old, new, "--customers", table)
    assert result.exit_code == 2
    assert "customer_id" in result.output


def recorded(data: Path, content: Mapping[str, bytes]) -> None:
    """A data directory with three decisions, each made for one customer of 17, 19 and no known age."""
    book = load(content).book
    assert book is not None
    data.mkdir()
    keep(data, content)
    serving = Serving(book, {action.action_id: 0.2 for action in book.actions})
    log = DecisionLog(data / "decisions.db", lambda: NOW, Retention())
    known: dict[str, Value] = {
        "consent.marketing": True,
        "consent.channels": ("web",),
        "telco.data_used_pct": 9.0,
    }
    ages: dict[str, dict[str, Value]] = {"anna": {"customer.age": 17}, "bo": {"customer.age": 19}}
    for name in ("anna", "bo", "di"):
        customer = Customer(CustomerId(name), {**known, **ages.get(name, {})}, updated_at=NOW)
        log.record(serving.record(customer, Visit("web", (PlacementId("web.hero"),))))
    log.close()


def test_by_decisions(old: Path, new: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "data", files())
    told = counted(old, new, "--log", tmp_path / "data")["people"]
    assert (told["unit"], told["rows"]) == ("decisions", 3)
    assert (told["gaining"], told["losing"], told["shown_something_else"]) == (1, 0, 1)
    assert told["actions"][0]["gained_ids"] == ["anna"]
    said = run(old, new, "--log", tmp_path / "data" / "decisions.db").stdout
    assert "3 decisions" in said
    assert "the average of the log" in " ".join(said.split())


def test_decisions_of_the_book_kept_beside_them_count(tmp_path: Path, old: Path, new: Path) -> None:
    third = files(policies=POLICIES.replace("slots: 2", "slots: 1"))
    recorded(tmp_path / "data", third)
    assert counted(old, new, "--log", tmp_path / "data")["people"]["rows"] == 3
    (tmp_path / "data" / "rulebook.last.zip").unlink()
    foreign = counted(old, new, "--log", tmp_path / "data")["people"]
    assert (foreign["rows"], foreign["foreign_decisions"]) == (0, 3)


def test_the_command_line(attune: Attune, old: Path, new: Path, people: Path) -> None:
    done = attune(
        "diff", old, new, "--customers", people, "--now", "2026-11-21", "--fail-on-loosened"
    )
    assert done.returncode == 1
    assert "something else for 1 of 4 customers" in done.stdout
    assert done.stderr == ""
    assert "Example: attune diff" in attune("diff", "--help").stdout


@pytest.mark.parametrize(
    ("now", "code"), [("count: 300d", 1), ("count: 1d, channel: ivr", 1), ("count: 1d", 0)]
)
def test_another_source_of_what_a_condition_reads_fails_on_loosened(
    tmp_path: Path, now: str, code: int
) -> None:
    def kept(source: str) -> dict[str, bytes]:
        declared = f"  events.drops: {{type: int, from: {{event: dropped_call, {source}}}}}\n"
        calm = ACTIONS.replace(">= 18", ">= 18 && events.drops < 3")
        return files(attributes=ATTRIBUTES + declared, actions=calm)

    before = written(tmp_path / "before", kept("count: 1d"))
    after = written(tmp_path / "after", kept(now))
    result = run(before, after, "--fail-on-loosened")
    assert result.exit_code == code, result.output
    assert ("What changed what it means" in result.output) is bool(code)
