import os
import threading
from functools import partial
from pathlib import Path

import pytest

from engine.edges.rules.watch import Watch, look
from tests.rulebook.builders import files


@pytest.fixture
def rules(tmp_path):
    directory = tmp_path / "rules"
    for name, text in files().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)
    return directory


def rewritten(path: Path) -> None:
    """As long as before, and with the time it had before."""
    status = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = {
    "another length": lambda rules: (rules / "policies.yaml").write_text("{}"),
    "same length and time": lambda rules: rewritten(rules / "actions/all.yaml"),
    "a new file": lambda rules: (rules / "actions/more.yaml").touch(),
    "a file gone": lambda rules: (rules / "actions/all.yaml").unlink(),
    "another mode": lambda rules: (rules / "policies.yaml").chmod(0),
    "another name": lambda rules: (rules / "actions/all.yaml").rename(rules / "actions/b.yaml"),
    "the directory gone": lambda rules: rules.rename(rules.parent / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_looks_different(rules, change):
    before = look(rules)
    assert look(rules) == before
    change(rules)
    assert look(rules) != before


def test_an_editors_hidden_files_do_not_matter(rules):
    before = look(rules)
    (rules / ".policies.yaml.swp").touch()
    (rules / "actions/.hidden").touch()
    (rules / "notes").mkdir()
    seen = [entry.path for entry in look(rules)]
    assert ".policies.yaml.swp" not in seen
    assert len(seen) == len(before) + 1
    (rules / "notes/anything.yaml").touch()
    assert [entry.path for entry in look(rules)] == seen


def test_a_link_to_another_release_looks_different(rules, tmp_path):
    link, other = tmp_path / "current", tmp_path / "other"
    link.symlink_to(rules)
    before = look(link)
    rules.rename(other)
    rules.mkdir()
    assert look(link) != before


def test_a_change_is_told_of_and_so_is_the_next(rules):
    told = threading.Semaphore(0)
    watch = Watch(partial(look, rules), look(rules), told.release)
    try:
        for text in ("{}", "a: b"):
            (rules / "policies.yaml").write_text(text)
            assert told.acquire(timeout=30)
    finally:
        watch.stop()


def test_what_changed_before_watching_began_is_told_of(rules):
    before = look(rules)
    (rules / "policies.yaml").write_text("{}")
    told = threading.Event()
    watch = Watch(partial(look, rules), before, told.set)
    try:
        assert told.wait(30)
    finally:
        watch.stop()


def test_files_that_never_stand_still_are_told_of_too(rules):
    told = threading.Event()
    watch = Watch(partial(look, rules), look(rules), told.set)
    try:
        count = 0
        while not told.wait(0.01):
            count += 1
            (rules / "policies.yaml").write_text("#" * count)
            assert count < 3_000
    finally:
        watch.stop()
