"""The last good book: the files of the book in force, kept beside the data as one zip archive."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT: Final = "rulebook.last.zip"


def keep(data: Path, files: Mapping[str, bytes]) -> None:
    """Keeps these files in place of those kept before: after a crash either all are there or none.

    Raises:
        OSError: they cannot be written; those kept before are still there.
    """
    new = data / f"{KEPT}.new"
    with new.open("wb") as opened:
        with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(data / KEPT)
    directory = os.open(data, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def kept_in(data: Path) -> Path | None:
    """Where a data directory keeps its last good book; None if it keeps none."""
    path = data / KEPT
    return path if path.is_file() else None


def read_kept(path: Path) -> Mapping[str, bytes]:
    """The files `keep` wrote, by path within the book."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
