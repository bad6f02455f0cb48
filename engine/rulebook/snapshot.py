"""A rule book's files as they were at one moment, and the version their contents make."""

import hashlib
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from engine.rulebook.names import did_you_mean
from engine.rulebook.parse import MOST_BYTES
from engine.rulebook.report import Mistake, Place, Report

STOPS: Final = "stop.yaml"
TOP: Final = ("attributes.yaml", "policies.yaml", "levers.csv", STOPS)
FOLDERS: Final = ("actions", "tests")
MOST_FILES: Final = 1000
MOST_READ: Final = 64 << 20
_ENDINGS = (".yaml", ".yml", ".csv", ".yaml.txt", ".yml.txt", ".csv.txt")
_SPREADSHEET = re.compile(r"levers.*\.(xlsx?|xlsm|ods|numbers|tsv|txt)")
_ATTEMPTS = 100
_PAUSE = 0.01
_QUIET = 0.05
_DIGITS = 16
_TOO_MUCH = (
    f"more than {MOST_FILES} files, or than {MOST_READ >> 20} MiB in all: merge or split some"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """File contents by path relative to the book's directory (`actions/save.yaml`), sorted by path."""

    files: Mapping[str, bytes]

    @property
    def version(self) -> str:
        """16 hex digits of the SHA-256 of paths and contents: equal for equal files."""
        digest = hashlib.sha256()
        for path, content in self.files.items():
            for part in (path.encode(), content):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:_DIGITS]


def snapshot(source: Path | Mapping[str, bytes], report: Report) -> Snapshot:
    """The files that belong to a rule book; whatever else could be meant to be read is reported.

    From a directory, the files are read until two readings in a row agree and the last change is
    50 ms ago, so that a book somebody is writing at the moment is neither seen half-written nor
    mixed of two versions. This waits at most about a second.

    Raises:
        Mistake: if the directory cannot be read or does not stand still.
    """
    files = source if isinstance(source, Mapping) else _settled(source)
    known = {}
    for path in sorted(files):
        if _belongs(path):
            known[path] = files[path]
        elif problem := _misplaced(path):
            report.error(Place(_printable(path), 1, 1), problem)
            report.lose(path, files[path][:MOST_BYTES].decode("ascii", "ignore"))
    if len(known) > MOST_FILES or sum(map(len, known.values())) > MOST_READ:
        raise Mistake((Place(".", 1, 1), _TOO_MUCH))
    return Snapshot(known)


def _belongs(path: str) -> bool:
    folder, slash, name = path.partition("/")
    if not slash:
        return path in TOP
    fits = folder in FOLDERS and "/" not in name and name.endswith(".yaml")
    return fits and not name.startswith(".") and path == _printable(path)


def _printable(path: str) -> str:
    """The path, with what is not text in it escaped."""
    text = path.encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)


def _misplaced(path: str) -> str | None:
    """Why a file that looks like part of a book is not read; None if it does not look so."""
    folders, _, name = path.rpartition("/")
    if any(part.startswith(".") for part in path.split("/")) or folders.startswith("tests/"):
        return None
    if not folders and _SPREADSHEET.fullmatch(name.lower()):
        return "this file is not read: save it as levers.csv (CSV, UTF-8)"
    if not name.lower().endswith(_ENDINGS):
        return None
    if folders in FOLDERS or folders.startswith("actions"):
        kept = folders == "tests" and not name.lower().endswith((".yml", ".yaml", ".yaml.txt"))
        return (
            None if kept else f"this file is not read: only {folders.partition('/')[0]}/*.yaml are"
        )
    if folders:
        return "this file is not read: it belongs at the top" if name in TOP else None
    for folder in FOLDERS:
        if name.lower().startswith(folder.removesuffix("s")):
            return f"this file is not read here: it belongs into {folder}/"
    return f"this file is not part of a rule book.{did_you_mean(path, TOP)}"


def _settled(directory: Path) -> dict[str, bytes]:
    """The files as two readings in a row found them, the last change some while ago."""
    failure: OSError | None = None
    before: _Reading | None = None
    for _ in range(_ATTEMPTS):
        try:
            reading = _reading(directory)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or not directory.is_dir():
                raise _unreadable(directory, error) from None
            failure, before = error, None
        else:
            quiet = not 0 <= time.time() - reading.changed_at < _QUIET
            if quiet and reading == before:
                return dict(reading.files)
            failure, before = None, reading
            if quiet:
                continue
        time.sleep(_PAUSE)
    if failure:
        raise _unreadable(directory, failure)
    raise Mistake((Place(".", 1, 1), "the files keep changing: try again when they stand still"))


class _Reading(NamedTuple):
    """Path and content of each file, and the latest change of any (seconds since 1970)."""

    files: tuple[tuple[str, bytes], ...]
    changed_at: float


def _reading(directory: Path) -> _Reading:
    """Every file beside the book; contents only of those that are, or look like, part of it."""
    files: list[tuple[str, bytes]] = []
    changed_at, size = 0.0, 0
    for path in _walk(directory):
        if len(files) > MOST_FILES or size > MOST_READ:
            raise Mistake((Place(".", 1, 1), _TOO_MUCH))
        name = path.relative_to(directory).as_posix()
        status = path.stat()
        is_file = stat.S_ISREG(status.st_mode)
        if _belongs(name) and not is_file:
            kind = "a folder" if path.is_dir() else "no file but a pipe or a device"
            raise Mistake((Place(name, 1, 1), f"cannot be read: this is {kind}"))
        if not is_file or not (_belongs(name) or _misplaced(name)):
            files.append((name, b""))
            continue
        with path.open("rb") as opened:
            files.append((name, opened.read(MOST_BYTES + 1)))
        size += len(files[-1][1])
        changed_at = max(changed_at, status.st_mtime)
    return _Reading(tuple(files), changed_at)


def _walk(directory: Path) -> Iterator[Path]:
    """The files at the top, in the folders of a book, and one level below these.

    A folder that has the name of a file of the book is given, too.
    """
    for entry in _visible(directory):
        if entry.name in FOLDERS and entry.is_file():
            raise Mistake((Place(entry.name, 1, 1), "cannot be read: this is a file, not a folder"))
        if entry.name in FOLDERS and entry.is_dir():
            for inner in _visible(entry):
                named = _belongs(f"{entry.name}/{inner.name}")
                yield from _visible(inner) if inner.is_dir() and not named else [inner]
        elif entry.name in TOP or not entry.is_dir():
            yield entry


def _visible(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))


def _unreadable(directory: Path, error: OSError) -> Mistake:
    path = Path(error.filename or directory)
    inside = path != directory and path.is_relative_to(directory)
    name = path.relative_to(directory) if inside else path
    return Mistake((Place(_printable(str(name)), 1, 1), f"cannot be read: {error.strerror}"))
