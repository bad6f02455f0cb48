"""A book's files are taken as they were at one moment."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from engine.rulebook.load import load
from engine.rulebook.report import Mistake, Report
from engine.rulebook.snapshot import MOST_FILES, Snapshot, snapshot
from tests.rulebook.builders import files


def write(folder: Path, contents: dict[str, bytes]) -> None:
    for path, content in contents.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)


def test_no_mixture_of_two_versions_is_taken(tmp_path: Path) -> None:
    versions = [
        {path: content + b"\n# " + mark * 20_000 for path, content in files().items()}
        for mark in (b"a", b"b")
    ]
    for _ in range(5):
        taken, longest_pause = taken_while_rewriting(tmp_path, versions)
        if (
            longest_pause < 0.04
        ):  # a writer who pauses longer between two files has, it seems, finished
            assert all(one in versions for one in taken)
            return
    pytest.skip("this machine is too busy to write a few files without a pause")


def taken_while_rewriting(
    folder: Path, versions: list[dict[str, bytes]]
) -> tuple[list[dict[str, bytes]], float]:
    """All snapshots taken while the versions are written in turn, and the writer's longest pause."""
    write(folder, versions[0])
    done = threading.Event()
    pauses = [0.0]

    def rewrite() -> None:
        last = time.monotonic()
        for turn in range(120):
            for path, content in versions[turn % 2].items():
                (folder / path).write_bytes(content)
                pauses.append(time.monotonic() - last)
                last = time.monotonic()
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    taken = []
    while not done.is_set():
        with suppress(Mistake):
            taken.append(dict(snapshot(folder, Report()).files))
    writer.join()
    taken.append(dict(snapshot(folder, Report()).files))
    return taken, max(pauses)


def test_versions_depend_on_where_contents_stand() -> None:
    assert Snapshot({"ab": b"c"}).version != Snapshot({"a": b"bc"}).version
    assert Snapshot({"a": b"", "b": b"x"}).version != Snapshot({"a": b"x", "b": b""}).version


def test_links_are_followed_as_mounted_volumes_need(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    write(tmp_path / "..data", files())
    (tmp_path / "attributes.yaml").symlink_to("..data/attributes.yaml")
    (tmp_path / "policies.yaml").symlink_to("..data/policies.yaml")
    (tmp_path / "actions").symlink_to("..data/actions")
    loaded = load(tmp_path)
    assert loaded.book is not None
    assert loaded.diagnostics == ()


def test_what_cannot_be_read_is_an_error_at_its_name(tmp_path: Path) -> None:
    write(tmp_path, files())
    (tmp_path / "levers.csv").symlink_to("nowhere")
    (one,) = load(tmp_path).diagnostics
    assert str(one) == "levers.csv:1:1: cannot be read: No such file or directory"


def test_a_directory_that_is_none_is_an_error(tmp_path: Path) -> None:
    (one,) = load(tmp_path / "nowhere").diagnostics
    assert str(one) == f"{tmp_path}/nowhere:1:1: cannot be read: No such file or directory"
    (tmp_path / "file").write_text("")
    assert load(tmp_path / "file").book is None


def only(folder: Path) -> str:
    (one,) = load(folder).diagnostics
    return str(one)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, files())
    (tmp_path / "policies.yaml").unlink()
    os.mkfifo(tmp_path / "policies.yaml")
    said = "policies.yaml:1:1: cannot be read: this is no file but a pipe or a device"
    assert only(tmp_path) == said


@pytest.mark.parametrize("name", ["policies.yaml", "actions/more.yaml", "levers.csv"])
def test_a_folder_where_a_file_should_be_is_named(name: str, tmp_path: Path) -> None:
    write(tmp_path, {path: text for path, text in files().items() if path != name})
    (tmp_path / name).mkdir()
    assert only(tmp_path) == f"{name}:1:1: cannot be read: this is a folder"


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    write(tmp_path, {path: text for path, text in files().items() if "/" not in path})
    (tmp_path / "actions").write_text("actions: []")
    assert only(tmp_path) == "actions:1:1: cannot be read: this is a file, not a folder"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("levers.xlsx", "save it as levers.csv (CSV, UTF-8)"),
        ("levers (1).xls", "save it as levers.csv (CSV, UTF-8)"),
        ("levers.csv.txt", "save it as levers.csv (CSV, UTF-8)"),
        ("policies.yml", "not part of a rule book. Did you mean 'policies.yaml'?"),
        ("actions/more.yml", "only actions/*.yaml are"),
        ("actions/more.yaml.txt", "only actions/*.yaml are"),
        ("actions/team/more.yaml", "only actions/*.yaml are"),
        ("tests/more.yml", "only tests/*.yaml are"),
    ],
)
def test_a_file_that_would_be_passed_over_is_named(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    write(tmp_path, {**files(), name: b"actions: []"})
    one = only(tmp_path)
    assert one.startswith(f"{name}:1:1: ")
    assert said in one


@pytest.mark.parametrize(
    "name", ["actions/all.yaml~", "actions/#all.yaml#", "actions/.all.yaml.swp", "levers.csv.bak", "notes.txt", "tests/customers.csv"]
)  # fmt: skip
def test_what_editors_leave_behind_is_passed_over(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    write(tmp_path, {**files(), name: b"{{{"})
    assert load(tmp_path).diagnostics == ()


def test_a_file_with_another_ending_makes_nothing_else_look_wrong(tmp_path: Path) -> None:
    contents = files(more={"levers.csv": "action_id,lever\nstay,3\n"})
    contents["actions/all.yml"] = contents.pop("actions/all.yaml")
    contents["actions/none.yaml"] = b"actions: []"
    write(tmp_path, contents)
    assert only(tmp_path).startswith("actions/all.yml:1:1: ")


def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    write(tmp_path, files())
    try:
        (tmp_path / "actions" / "a\udcff.yaml").write_bytes(b"actions: []")
    except OSError:
        pytest.skip("this file system takes no such name")
    (one,) = load(tmp_path).diagnostics
    str(one).encode()
    assert "only actions/*.yaml" in one.message


def test_there_is_a_limit_to_the_number_of_files() -> None:
    many = {f"actions/{n}.yaml": b"actions: []" for n in range(MOST_FILES + 1)}
    (one,) = load({**files(), **many}).diagnostics
    assert "more than 1000 files" in one.message
