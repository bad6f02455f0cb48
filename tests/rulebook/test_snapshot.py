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
    assert "cannot be read" in one.message
    (tmp_path / "file").write_text("")
    assert load(tmp_path / "file").book is None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, files())
    (tmp_path / "policies.yaml").unlink()
    os.mkfifo(tmp_path / "policies.yaml")
    assert "policies.yaml:1:1: the file is empty" in map(str, load(tmp_path).diagnostics)


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
