"""Compiling the C of engine/native: where it cannot be, it says so, and what was there stays."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engine.native import VERSION
from tools.native import FOLDER, SOURCES, build, main, target

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="there is no C compiler on the path"
)


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copy(FOLDER / "arrays.h", tmp_path)
    return Path(shutil.copy(request.param, tmp_path))


@needs_compiler
def test_it_is_compiled_beside_its_source(source: Path) -> None:
    made = build(source)
    assert made == target(source)
    assert {source, made} == {*source.parent.iterdir()} - {source.with_name("arrays.h")}
    said = subprocess.run(
        [sys.executable, "-c", f"import {source.stem} as made; print(made.VERSION)"],
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{VERSION}\n"


@needs_compiler
def test_what_was_compiled_stays_where_the_source_is_broken(source: Path) -> None:
    target(source).write_bytes(b"before")
    source.write_text("int broken(")
    with pytest.raises(OSError, match="error"):
        build(source)
    assert target(source).read_bytes() == b"before"
    assert len([*source.parent.iterdir()]) == 3, "the source, its header, and what was compiled"


def test_without_a_compiler_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler --with an-option")
    before = compiled_when()
    for arguments, code in (([], 0), (["--required"], 1)):
        monkeypatch.setattr(sys, "argv", ["native.py", *arguments])
        assert main() == code
        assert "no-such-compiler" in capsys.readouterr().err
    assert compiled_when() == before


def compiled_when() -> list[int]:
    return [target(s).stat().st_mtime_ns for s in SOURCES if target(s).exists()]


@needs_compiler
def test_an_empty_name_of_a_compiler_is_none(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", " ")
    assert build(source).exists()


@pytest.mark.parametrize("name", ["CC", "CFLAGS"])
def test_what_cannot_be_told_apart_into_words_is_said(
    name: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "cc 'unfinished")
    with pytest.raises(OSError, match=f"{name}: No closing quotation"):
        build(source)


def test_what_the_compiler_says_may_be_in_any_encoding(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\nprintf 'Zeile \\344' >&2; exit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(OSError, match="Zeile \ufffd"):
        build(source)


def wheel(root: Path, into: Path, **more: str) -> zipfile.ZipFile:
    """The wheel of a copy of what belongs in it."""
    copied = root / "source"
    if not copied.exists():
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        for folder in ("engine", "tools"):
            shutil.copytree(FOLDER.parents[1] / folder, copied / folder, ignore=ignored)
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(FOLDER.parents[1] / file, copied)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    done = subprocess.run(
        command, cwd=copied, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = into.iterdir()
    return zipfile.ZipFile(made)


def compiled_in(made: zipfile.ZipFile) -> list[str]:
    return [name for name in made.namelist() if name.endswith(".so")]


@needs_compiler
def test_a_wheel_holds_what_was_compiled_and_is_for_this_python(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="it builds the wheel")
    with wheel(tmp_path, tmp_path / "with") as made:
        assert sorted(compiled_in(made)) == [f"engine/native/{target(s).name}" for s in SOURCES]
        assert "linux" in str(made.filename)


def test_without_a_compiler_the_wheel_is_for_all(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="it builds the wheel")
    with wheel(tmp_path, tmp_path / "without", CC="no-such-compiler") as made:
        assert compiled_in(made) == []
        assert str(made.filename).endswith("-py3-none-any.whl")
