"""The compiling process: what it finds, and that it cannot take more than it is given."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.edges.rules import compiler
from engine.edges.rules.child import begin
from engine.edges.rules.compiler import HeadStart, compile_apart
from engine.edges.rules.kept import KEPT, keep
from engine.rulebook.load import load
from engine.rulebook.standing_back import NICENESS
from tests.rulebook.builders import files


@pytest.fixture
def rules(tmp_path):
    directory = tmp_path / "rules"
    for name, text in files().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)
    return directory


async def test_it_finds_what_load_finds(rules):
    found, here = await compile_apart(rules), load(rules)
    assert found.book
    assert here.book
    assert (found.book.version, found.diagnostics) == (here.book.version, here.diagnostics)
    assert found.files == files()


async def test_it_finds_every_mistake(rules):
    (rules / "actions/all.yaml").write_text("actions: [{id: a, titel: x}]")
    found = await compile_apart(rules)
    assert found.book is None
    assert found.diagnostics == load(rules).diagnostics


async def test_a_kept_book_compiles_like_its_files(tmp_path):
    keep(tmp_path, files())
    found = await compile_apart(tmp_path / KEPT)
    assert found.book
    assert found.files == files()


async def test_no_directory_is_a_mistake_of_its_own(tmp_path):
    (mistake,) = (await compile_apart(tmp_path / "nowhere")).errors
    assert mistake.message == "cannot be read: No such file or directory"


async def test_a_directory_named_like_an_option_is_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (mistake,) = (await compile_apart(Path("--help"))).errors
    assert "cannot be read" in mistake.message


@pytest.mark.parametrize("book", ["many files", "many bytes"])
async def test_an_enormous_book_is_refused(rules, book):
    for number in range(1_100 if book == "many files" else 70):
        path = rules / f"actions/part{number}.yaml"
        path.write_bytes(b"#" * (1 << 20 if book == "many bytes" else 1))
    (mistake,) = (await compile_apart(rules)).errors
    assert mistake.message.startswith("more than 1000 files, or than 64 MiB in all")


async def test_a_child_that_dies_is_a_mistake_and_no_more(rules, monkeypatch):
    started = begin

    def stopped(book, *, at_once):
        begun = started(book, at_once=at_once)
        os.kill(begun.process.pid, signal.SIGKILL)
        return begun

    monkeypatch.setattr(compiler, "begin", stopped)
    (mistake,) = (await compile_apart(rules)).errors
    assert mistake.message.startswith("the compiler failed (status -9)")


async def test_a_child_that_takes_too_long_is_ended(rules, monkeypatch):
    started, children = begin, []

    def halted(book, *, at_once):
        children.append(started(book, at_once=at_once))
        os.kill(children[-1].process.pid, signal.SIGSTOP)
        return children[-1]

    monkeypatch.setattr(compiler, "begin", halted)
    monkeypatch.setattr(compiler, "PATIENCE", 0.01)
    (mistake,) = (await compile_apart(rules)).errors
    assert "takes more than" in mistake.message
    assert children[0].process.returncode == -signal.SIGKILL


async def test_a_child_nobody_waits_for_any_more_is_ended(rules, monkeypatch):
    started, children = begin, []
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def halted(book, *, at_once):
        children.append(started(book, at_once=at_once))
        os.kill(children[-1].process.pid, signal.SIGSTOP)
        loop.call_soon_threadsafe(begun.set)
        return children[-1]

    monkeypatch.setattr(compiler, "begin", halted)
    waiting = asyncio.create_task(compile_apart(rules))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert children[0].process.returncode == -signal.SIGKILL


def test_whatever_is_too_much_for_the_memory_is_said(rules):
    program = (
        "import sys; from pathlib import Path\n"
        "import engine.rulebook.compile as c\n"
        "c._loaded = lambda book: [0] * (c.MOST_MEMORY // 8)\n"
        "c.main(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, rules], capture_output=True, check=True)
    from engine.rulebook.loaded import unpacked

    (mistake,) = unpacked(done.stdout).errors
    assert mistake.message == "the book takes more than 2 GiB of memory to compile: split it"


async def test_a_head_start_finds_the_book_as_it_was_then_and_later_ones_as_they_are(rules):
    begun = begin(rules)
    ahead = HeadStart(rules, begun)
    first = await ahead(rules)
    (rules / "actions/all.yaml").write_text("actions: [{id: a, titel: x}]")
    assert first.diagnostics == ()
    assert begun.process.returncode == 0
    assert (await ahead(rules)).diagnostics == load(rules).diagnostics


@pytest.mark.parametrize("at_once", [True, False])
async def test_only_what_is_done_at_once_does_not_stand_back(rules, at_once):
    begun = begin(rules, at_once=at_once)
    try:
        assert begun.process.stdout
        select.select([begun.process.stdout], [], [])
        niceness = os.getpriority(os.PRIO_PROCESS, begun.process.pid)
    finally:
        await HeadStart(rules, begun)(rules)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness == (ours if at_once else min(ours + NICENESS, 19))


async def test_a_head_start_compiles_another_book_than_was_begun(rules, tmp_path):
    keep(tmp_path, files())
    ahead = HeadStart(rules, begin(rules))
    kept, directory = await ahead(tmp_path / KEPT), await ahead(rules)
    assert kept.book
    assert directory.book
    assert kept.book.version == directory.book.version


async def test_no_room_for_what_the_compiler_says_is_a_mistake_of_its_own(rules, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(rules / "nowhere"))
    found = await compile_apart(rules)
    assert [d.message for d in found.errors] == [
        "the compiler could not be started: No such file or directory"
    ]
