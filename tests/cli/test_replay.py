"""`attune replay DECISION`, and `attune explain DECISION`."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.codec import DecisionRecord
from engine.edges.journal.decisions import recorded
from engine.edges.rules.kept import ARCHIVE
from engine.model import Stage
from tests.replay.living import Life, short_life


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A short life, to be read only."""
    return short_life(tmp_path_factory.mktemp("lived"), 80)


def run(*arguments: object) -> Result:
    words = list(map(str, arguments))
    return CliRunner().invoke(application(words), words)


def records(life: Life) -> list[DecisionRecord]:
    return list(recorded(life.data / "decisions.db"))


def shown(life: Life) -> DecisionRecord:
    """A decision that shows something and kept something back."""
    return next(
        record
        for record in records(life)
        if not record.decision.placements[0].fallback and kept_back(record)
    )


def kept_back(record: DecisionRecord) -> set[Stage]:
    """The kinds of limits that kept something back."""
    grounds = record.decision.grounds
    answers = [a for a in (grounds and grounds.limits) or () if isinstance(a, tuple)]
    return {Stage(narrowed.stage) for answer in answers for narrowed in answer}


def test_one_decision_is_told_step_by_step(lived: Life) -> None:
    name = shown(lived).decision.decision_id
    told = run("replay", name, "--data", lived.data, "--model")
    assert told.exit_code == 0, told.output
    assert f"decision {name}: equal" in told.output
    for step in (
        "rules",
        "limits",
        "priorities",
        "choice",
        "probabilities",
        "texts",
        "propensities",
    ):
        assert f"\n  {step}" in told.output


def test_all_are_counted(lived: Life) -> None:
    told = run("replay", "--all", "--data", lived.data)
    assert told.exit_code == 0, told.output
    assert told.output == "80 decisions replayed: 80 equal\n"


def test_programs_read_it(lived: Life) -> None:
    told = run("replay", "--all", "--data", lived.data, "--format", "json")
    found = json.loads(told.output)
    assert [one["decision"] for one in found] == [r.decision.decision_id for r in records(lived)]
    assert {one["verdict"] for one in found} == {"equal"}


def test_a_changed_book_exits_with_2_and_says_what_to_do(lived: Life, tmp_path: Path) -> None:
    copied(lived, tmp_path)
    for kept in (tmp_path / ARCHIVE).glob("*.zip"):
        kept.unlink()
    told = run("replay", shown(lived).decision.decision_id, "--data", tmp_path)
    assert told.exit_code == 2
    assert "--rules" in told.output
    with_rules = run(
        "replay", shown(lived).decision.decision_id, "--data", tmp_path, "--rules", lived.rules
    )
    assert with_rules.exit_code == 0, with_rules.output


def test_a_difference_exits_with_1(lived: Life, tmp_path: Path) -> None:

    copied(lived, tmp_path)
    record = shown(lived)
    with closing(sqlite3.connect(tmp_path / "decisions.db")) as connection:
        _tamper(connection, record)
        connection.commit()
    told = run("replay", "--all", "--data", tmp_path)
    assert told.exit_code == 1
    assert "80 decisions replayed: 79 equal, 1 differs" in told.output
    assert f"decision {record.decision.decision_id}: differs" in told.output


def copied(lived: Life, to: Path) -> None:
    import shutil

    shutil.copytree(lived.data, to, dirs_exist_ok=True)


def _tamper(connection: sqlite3.Connection, record: DecisionRecord) -> None:
    """Writes the block of a record again, as if its first offer had had another probability."""
    import zstandard

    from engine.codec import decode_decision, encode_decision, split_decisions

    name = record.decision.decision_id
    [(block, body)] = connection.execute(
        "SELECT block, body FROM decisions JOIN blocks USING (block) WHERE decision_id = ?", (name,)
    ).fetchall()
    made = [
        decode_decision(one)
        for one in split_decisions(zstandard.ZstdDecompressor().decompressobj().decompress(body))
    ]
    for one in made:
        if one.decision.decision_id == name:
            one.decision.placements[0].offers[0].probability /= 2
    anew = zstandard.ZstdCompressor().compress(b"".join(map(encode_decision, made)))
    connection.execute("UPDATE blocks SET body = ? WHERE block = ?", (anew, block))


@pytest.mark.parametrize(
    "arguments",
    [
        ["06608b015f3000-00000000000004d2"],
        ["--all", "--data", "nowhere"],
        ["06608b015f3000-00000000000004d2", "--all"],
        [],
        ["--all", "--since", "yesterday"],
        ["06608b015f3000-00000000000004d2", "--since", "1h"],
    ],
)
def test_what_cannot_be_done_exits_with_2(lived: Life, arguments: list[str]) -> None:
    data = [] if "--data" in arguments else ["--data", lived.data]
    assert run("replay", *arguments, *data).exit_code == 2


# --- explain --------------------------------------------------------------------------------------


def test_a_decision_is_explained_from_its_record(lived: Life) -> None:
    record = shown(lived)
    told = run("explain", record.decision.decision_id, "--data", lived.data, "--format", "json")
    assert told.exit_code == 0, told.output
    candidates = {(c["action_id"], c["placement"]): c for c in json.loads(told.output)}
    for placed in record.decision.placements:
        for offer in () if placed.fallback else placed.offers:
            candidate = candidates[offer.action_id, placed.placement]
            assert candidate["rank"] == offer.rank
            assert candidate["factors"]["priority"] == offer.priority
            assert candidate["factors"]["propensity"] == offer.propensity
    told_stages = {reason["stage"] for c in candidates.values() for reason in c["reasons"]}
    assert {f"STAGE_{stage.name}" for stage in kept_back(record)} <= told_stages
    assert all(c["rank"] or c["reasons"] for c in candidates.values())


def test_a_decision_is_explained_in_tables(lived: Life) -> None:
    record = shown(lived)
    told = run("explain", record.decision.decision_id, "--data", lived.data)
    assert told.exit_code == 0, told.output
    assert f"Decision {record.decision.decision_id}" in told.output
    assert "who competed" in told.output
    assert record.decision.placements[0].offers[0].action_id in told.output


def test_one_action_of_a_decision_is_explained(lived: Life) -> None:
    name = shown(lived).decision.decision_id
    told = run("explain", name, "--data", lived.data, "--action", "welcome", "--format", "json")
    assert {c["action_id"] for c in json.loads(told.output)} == {"welcome"}
    assert run("explain", name, "--data", lived.data, "--action", "wellcome").exit_code == 2


def test_an_unknown_decision_is_told(lived: Life) -> None:
    told = run("explain", "06608b015f3000-00000000000004d2", "--data", lived.data)
    assert told.exit_code == 2
    assert "is not in" in told.output
