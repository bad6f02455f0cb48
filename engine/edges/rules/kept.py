"""Books kept beside the data, each as one zip archive: the last good one, and those that decided before."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT: Final = "rulebook.last.zip"
STOPPED: Final = "rulebook.stopped.zip"
CHALLENGER: Final = "challenger.stopped.zip"
ARCHIVE: Final = "rulebooks"
MOST_ARCHIVED: Final = 500
"""Books kept for replaying decisions; those that took over longest ago go first."""


def keep(data: Path, files: Mapping[str, bytes], name: str = KEPT) -> None:
    """Keeps these files in place of those kept before: after a crash either all are there or none.

    `name` is that of the archive in the data directory.

    Raises:
        OSError: they cannot be written; those kept before are still there.
    """
    new = data / f"{name}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(data / name)
    directory = os.open(data, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def archive(
    data: Path, version: str, files: Mapping[str, bytes], most: int = MOST_ARCHIVED
) -> None:
    """Keeps the files of one version beside those before it, so that what it decided can be replayed.

    Raises:
        OSError: they cannot be written.
    """
    directory = data / ARCHIVE
    directory.mkdir(mode=0o700, exist_ok=True)
    keep(directory, files, f"{version}.zip")
    books = sorted(directory.glob("*.zip"), key=lambda book: book.stat().st_mtime_ns)
    for book in books[:-most]:
        book.unlink()


def archived(data: Path, version: str) -> Path | None:
    """Where the book of this version is kept; None if it is not, or not any more."""
    path = data / ARCHIVE / f"{version}.zip"
    return path if path.is_file() else None


def kept_in(data: Path) -> Path | None:
    """Where a data directory keeps its last good book; None if it keeps none."""
    path = data / KEPT
    return path if path.is_file() else None


def read_kept(path: Path) -> Mapping[str, bytes]:
    """The files `keep` wrote, by path within the book."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def keep_files(data: Path, files: Mapping[str, bytes], stops: Path, name: str) -> Path | None:
    """These files in an archive `name`, with the file `stops` as their emergency stop.

    None if there is no such file, or they have these very stops.

    Raises:
        OSError: a file cannot be read or written.
    """
    if not stops.is_file():
        return None
    now = stops.read_bytes()
    if files.get(stops.name) == now:
        return None
    keep(data, {**files, stops.name: now}, name)
    return data / name


def keep_stopped(data: Path, stops: Path) -> Path | None:
    """The last good book, in an archive of its own, with the file `stops` as its emergency stop.

    None if nothing is kept, there is no such file, or the last good book has these very stops.

    Raises:
        OSError: a file cannot be read or written.
        zipfile.BadZipFile: what was kept is damaged.
    """
    kept = kept_in(data)
    return None if kept is None else keep_files(data, read_kept(kept), stops, STOPPED)
