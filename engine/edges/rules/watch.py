"""Watching: somebody changed a rule book's files, and seems to have finished."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from engine.rulebook.snapshot import FOLDERS, MOST_FILES
from engine.running.named import name_this_thread

POLL: Final = 0.25
"""Seconds between two looks: a change is told of after one to two of them."""

RESTLESS: Final = 0.75
"""Seconds after which a change is told of although more changes keep coming."""

_MOST_ENTRIES: Final = 4 * MOST_FILES


class Seen(NamedTuple):
    """One file or folder as `stat` tells of it: equal as long as nobody touched it."""

    path: str
    size: int
    changed: int
    """Nanoseconds; also moves where a file keeps its modification time or only its mode changes."""
    inode: int
    error: int = 0


Look: TypeAlias = tuple[Seen, ...]


def look(directory: Path) -> Look:
    """What a book's directory looks like, without reading any file.

    Asking each time works alike on disks of the machine, over the network and in containers, and
    misses nothing while nobody listens; a book of twenty files takes about 0.1 ms.
    """
    return tuple(islice(_entries(str(directory), ""), _MOST_ENTRIES))


def _entries(directory: str, within: str, depth: int = 0) -> Iterator[Seen]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(islice(found, _MOST_ENTRIES), key=lambda entry: entry.name)
    except OSError as error:
        yield Seen(within, 0, 0, 0, error.errno or -1)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{within}{entry.name}"
        yield _seen(entry, path)
        folder = path in FOLDERS if depth == 0 else depth == 1
        if folder and entry.is_dir():
            yield from _entries(entry.path, f"{path}/", depth + 1)


def look_at(file: Path) -> Seen:
    """What one file looks like, without reading it."""
    return _seen(file, file.name)


def _seen(entry: "os.DirEntry[str] | Path", path: str) -> Seen:
    try:
        status = entry.stat()
    except OSError as error:
        return Seen(path, 0, 0, 0, error.errno or -1)
    return Seen(path, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns), status.st_ino)


class Watch:
    """Calls `changed` from a thread of its own whenever what it watches looks different and has settled.

    `looks` tells how it looks, without reading any file; `before` is how it looked when what is known
    of it was read. The thread is a daemon: a network drive that does not answer holds up neither the
    service nor its end.
    """

    def __init__(
        self, looks: Callable[[], Look], before: Look, changed: Callable[[], object]
    ) -> None:
        self._looks = looks
        self._told = before
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rulebook-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, waiting at most a second for it; `changed` is not called any more."""
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        name_this_thread()
        last, restless_since = self._told, 0.0
        while not self._stop.wait(POLL):
            now = self._looks()
            if now == self._told:
                restless_since = 0.0
            else:
                restless_since = restless_since or time.monotonic()
                if now == last or time.monotonic() - restless_since >= RESTLESS:
                    self._told, restless_since = now, 0.0
                    if not self._stop.is_set():
                        self._changed()
            last = now
