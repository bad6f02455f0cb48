"""The protocol's bytes: commands go out together, replies come back in the same order (RESP2)."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

import hiredis

from engine.errors import StorageError

log = logging.getLogger(__name__)

Word = str | bytes | int
"""One word of a command."""

Told: TypeAlias = Callable[[Any], None]
"""Is told a reply once: bytes, int, a list of these, None, or an error as a value.

Errors are a `hiredis.ReplyError`, which Redis said, and a `StorageError`, which stands for a reply that
never came; the command may have been carried out then.
"""

_NOTHING: Final = object()


class Wire(asyncio.Protocol):
    """One connection while it lasts. What is sent within one turn of the event loop leaves together.

    Whoever waits is told within the turn in which the reply comes, and may go on from there. `lost` is called once when it has ended; everything still waiting has failed by then. A server that
    says nothing for `patience` seconds while something waits is taken for gone.
    """

    def __init__(self, name: str, patience: float, lost: Callable[[], None]) -> None:
        self._name = name
        self._patience = patience
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[Told] = deque()
        self._unsent: list[bytes] = []
        self._aside: list[tuple[tuple[Word, ...], Told]] = []
        self._transport: asyncio.Transport | None = None
        self._answered = 0
        self._watch: asyncio.TimerHandle | None = None

    def call(self, words: tuple[Word, ...]) -> "asyncio.Future[Any]":
        """Sends one command; its reply, which may be a `hiredis.ReplyError` as a value."""
        told = self._loop.create_future()
        self.send(words, partial(settle, told))
        return told

    def send(self, words: tuple[Word, ...], told: Told) -> None:
        """Sends one command; `told` its reply, at once if there is none to come."""
        if self._aside:
            self._send_aside()
        self._send(words, told)

    def send_aside(self, words: tuple[Word, ...], told: Told) -> None:
        """The same, but it is only put into words once the turn has ended, or with what is sent next."""
        if not self._aside:
            self._loop.call_soon(self._end_turn)
        self._aside.append((words, told))

    def _send(self, words: tuple[Word, ...], told: Told) -> None:
        if self._transport is None or self._transport.is_closing():
            told(self._gone())
            return
        if not self._unsent:
            self._loop.call_soon(self.flush)
        self._unsent.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # takes any number of words
        self._waiting.append(told)
        if self._watch is None:
            self._watch_on()

    def flush(self) -> None:
        """Sends now what was to leave at the end of the turn."""
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def close(self) -> None:
        """Ends the connection; what waits fails."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self._answered += 1
                if not self._waiting:
                    self.close()
                    return
                _tell(self._waiting.popleft(), reply)
        except hiredis.ProtocolError:
            self.close()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        if self._watch is not None:
            self._watch.cancel()
        while self._waiting:
            _tell(self._waiting.popleft(), self._gone(error))
        self._send_aside()
        self._lost()

    # --- inside --------------------------------------------------------------------------------

    def _send_aside(self) -> None:
        aside, self._aside = self._aside, []
        for words, told in aside:
            self._send(words, told)

    def _end_turn(self) -> None:
        self._send_aside()
        self.flush()

    def _watch_on(self) -> None:
        self._watch = self._loop.call_later(self._patience, self._look, self._answered)

    def _look(self, answered: int) -> None:
        """Gives up on a server that has been silent since `answered` replies."""
        self._watch = None
        if not self._waiting:
            return
        if self._answered == answered:
            self.close()
        else:
            self._watch_on()

    def _gone(self, why: Exception | None = None) -> StorageError:
        return StorageError(f"{self._name} cannot be reached{f': {why}' if why else ''}")


def settle(told: "asyncio.Future[Any]", reply: Any) -> None:
    """Has a future tell the reply, unless nobody waits for it any more."""
    if told.done():
        return
    if isinstance(reply, StorageError):
        told.set_exception(reply)
    else:
        told.set_result(reply)


def _tell(told: Told, reply: Any) -> None:
    """A fault of one who is told must not cost the others their replies."""
    try:
        told(reply)
    except Exception:
        log.exception("a reply of Redis led to a fault")
