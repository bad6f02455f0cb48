"""Lines: what the log says is written by a thread, so that nobody who logs waits for who reads it."""

import atexit
import io
import threading
from queue import Empty, SimpleQueue
from typing import Final, TextIO

from engine.running.named import name_this_thread

ROOM: Final = 100_000
"""Pieces of text that may wait while nobody reads; more are left out, and how many is said."""

_LAST: Final = 2.0


class Lines(io.TextIOBase):
    """A text stream that never blocks: a thread of its own writes to `target` what was written here.

    A pipe that nobody empties would else stop the whole service at its next line. The order is kept. At
    `close`, and at the end of the process, what waits is written, for two seconds at most; a process that is
    killed loses what was said in its last moments.
    """

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def isatty(self) -> bool:
        """Whether people read it."""
        return self._target.isatty()

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def write(self, text: str) -> int:
        """Has the text written soon; returns its length."""
        if self._waiting.qsize() >= ROOM:
            self._left_out += 1
        else:
            self._waiting.put(text)
        return len(text)

    def flush(self) -> None:
        """The thread does that, as soon as nothing waits."""

    def close(self) -> None:
        """Writes what waits; nothing written later is."""
        if not self.closed:
            super().close()
            atexit.unregister(self.close)
            self._waiting.put(None)
            self._thread.join(_LAST)

    def _run(self) -> None:
        name_this_thread()
        going_on = True
        while going_on:
            texts, going_on = self._taken()
            try:
                self._target.write("".join(texts))
                self._target.flush()
            except (OSError, ValueError):  # nobody reads any more: the service goes on
                continue

    def _taken(self) -> tuple[list[str], bool]:
        """Waits for text; returns all that is there, and whether more may come."""
        texts: list[str] = []
        text = self._waiting.get()
        while text is not None:
            texts.append(text)
            try:
                text = self._waiting.get_nowait()
            except Empty:
                return texts + self._gap(), True
        return texts + self._gap(), False

    def _gap(self) -> list[str]:
        """What is said of text that was left out, if any was."""
        left_out, self._left_out = self._left_out, 0
        return [f"… {left_out} pieces of the log were left out here\n"] if left_out else []
