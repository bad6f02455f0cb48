"""A real service whose event loop is watched: `python -m tests.loop.serving times|calls REPORT RULES DATA`.

From one SIGUSR1 to the next every callback of the loop is watched; when the service has ended, `REPORT` holds what was
seen as JSON: of `times` the longest callbacks by CPU seconds of the loop's thread, of `calls` those that
may wait for a disk, a socket, another process or a clock.
"""

import asyncio
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import Any

from engine.cli.serve import opener
from engine.edges.grpc.server import serve
from engine.settings import Settings
from engine.telemetry import set_up_logs

HARMLESS_OF_POSIX = {"urandom", "getpid", "fspath", "sched_yield", "close"}
"""What asks the kernel for nothing that could be far away."""

WAITING_EVENTS = (
    "open", "import", "os.", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect",
    "subprocess.", "shutil.", "tempfile.", "glob.",
)  # fmt: skip
"""Beginnings of the names of audit events that reach for what may be far away."""


_IN_MEMORY = {io.StringIO, io.BytesIO}


class Watching:
    """Runs the loop's callbacks and keeps what is seen of them."""

    def __init__(self) -> None:
        self.begun = False
        self.inside = False
        self.seen: dict[str, float] = {}
        self.callbacks = 0
        self._run = asyncio.Handle._run
        self._thread = threading.get_ident()

    def times(self, handle: asyncio.Handle) -> None:
        """Runs a callback and notes the CPU time it took."""
        name = _name(handle) if self.begun else ""
        began = time.thread_time()
        self._run(handle)
        took = time.thread_time() - began
        if name:
            self.callbacks += 1
            if took > 0.001:
                self.seen[name] = max(took, self.seen.get(name, 0.0))

    def calls(self, handle: asyncio.Handle) -> None:
        """Runs a callback and notes the calls in it that may wait."""
        if not self.begun:
            self._run(handle)
            return
        self.callbacks += 1
        self.inside = True
        sys.setprofile(self._profile)
        try:
            self._run(handle)
        finally:
            sys.setprofile(None)
            self.inside = False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Notes what Python says it is about to do."""
        ours = self.inside and threading.get_ident() == self._thread
        if ours and event.startswith(WAITING_EVENTS):
            self._note(f"{event} {arguments[0]!r}" if arguments else event)

    def _profile(self, frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and isinstance(called, BuiltinFunctionType) and _may_wait(called):
            self._note(f"{called!r}")

    def _note(self, what: str) -> None:
        self.inside = False
        sys.setprofile(None)
        frames = [f for f in traceback.extract_stack()[:-2] if "tests/loop" not in f.filename]
        where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-5:]))
        key = f"{what.split(' at 0x')[0]} at {where}"
        self.seen[key] = self.seen.get(key, 0.0) + 1
        self.inside = True
        sys.setprofile(self._profile)


def _may_wait(called: BuiltinFunctionType) -> bool:
    owner = called.__self__
    if owner is None or isinstance(owner, type(sys)):
        module = called.__module__
        if module == "posix":
            return called.__name__ not in HARMLESS_OF_POSIX
        return (module, called.__name__) in {("time", "sleep"), ("_io", "open")}
    kind = type(owner)
    if kind.__module__ == "_io":
        return called.__name__.startswith(("read", "write", "flush")) and kind not in _IN_MEMORY
    return kind.__module__ == "sqlite3"


def _name(handle: asyncio.Handle) -> str:
    """What a callback is: of a task, its coroutine and where that stands."""
    callback: Any = getattr(handle, "_callback", None)
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return getattr(callback, "__qualname__", repr(callback))
    coroutine: Any = task.get_coro()
    handled = getattr(coroutine, "cr_frame", None) and coroutine.cr_frame.f_locals.get("method", "")
    return f"task {coroutine.__qualname__} {handled or ''}".split(" at 0x")[0]


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(mode: str, report: Path, rules: Path, data: Path) -> None:
    """Serves until SIGTERM, watched."""
    watching = Watching()
    run: Callable[[asyncio.Handle], None] = getattr(watching, mode)

    def watched(handle: asyncio.Handle) -> None:
        run(handle)

    asyncio.Handle._run = watched  # type: ignore[assignment,method-assign]  # the loop is what is tested
    sys.addaudithook(watching.audit)

    def begin(*_: object) -> None:
        watching.begun = not watching.begun

    signal.signal(signal.SIGUSR1, begin)
    set_up_logs("json")
    settings = Settings.of(
        os.environ, rules=rules, data=data, listen="127.0.0.1:0", metrics="127.0.0.1:0"
    )
    try:
        asyncio.run(serve(settings, opener(settings), _announce))
    finally:
        watching.begun = False
        report.write_text(json.dumps({"seen": watching.seen, "callbacks": watching.callbacks}))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
