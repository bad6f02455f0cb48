"""The compiler's other end: hears what the process says that compiles a book, and bounds what it may take."""

import asyncio
import io
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Protocol

import structlog

from engine.edges.rules.child import Begun, begin
from engine.rulebook.compile import MOST_SECONDS, refused, too_large
from engine.rulebook.loaded import Loaded, unpacked
from engine.running.garbage import put_away
from engine.running.slices import giving_way


class Compile(Protocol):
    """Loads a book from its directory (or from where one is kept) without holding up the event loop.

    It takes its time, so that decisions go on as before, unless it is to be done `at_once`.
    """

    def __call__(self, book: Path, *, at_once: bool = False) -> Awaitable[Loaded]:
        """What `load` finds in the book."""


MOST_BYTES: Final = 256 << 20
PATIENCE: Final = 6.0 * MOST_SECONDS
"""Seconds in which a process that stands back for others should have had its seconds of processor time."""

_log = structlog.get_logger(__name__)


async def compile_apart(book: Path, *, at_once: bool = False) -> Loaded:
    """What `load` finds in the book, found by a process of its own.

    Never raises for what is in the book, nor if that process fails: then the one diagnostic says so.
    It has a minute of processor time, six to get it in, and 2 GiB. It shares no file descriptor with
    this process (so no lock either) and does not hear of signals sent to this one's terminal.
    """
    try:
        begun = await _begun(book, at_once)
    except OSError as error:
        return refused(f"the compiler could not be started: {error.strerror or error}")
    return await _outcome(begun)


class HeadStart:
    """`compile_apart`, of which one book is being compiled already.

    So a service's start has its book compiled while it is still importing what it is made of.
    """

    def __init__(self, book: Path, begun: Begun) -> None:
        self._book = book
        self._begun: Begun | None = begun

    async def __call__(self, book: Path, *, at_once: bool = False) -> Loaded:
        """See `compile_apart`; the outcome of what was begun is told once."""
        if self._begun is None or book != self._book:
            return await compile_apart(book, at_once=at_once)
        begun, self._begun = self._begun, None
        return await _outcome(begun)


async def _outcome(begun: Begun) -> Loaded:
    child, said = begun
    with said:
        try:
            async with asyncio.timeout(PATIENCE):
                parcel = await asyncio.to_thread(_parcel, child)
        except TimeoutError:
            return refused(f"the book takes more than {PATIENCE:g} seconds to compile: split it")
        finally:
            if child.returncode is None:
                await asyncio.shield(asyncio.to_thread(_end, child))
        if len(parcel) > MOST_BYTES:
            return too_large()
        if child.returncode:
            complaint = await asyncio.to_thread(_complaint, said)
            _log.error("rulebook.compiler_failed", said=complaint)
            return refused(
                f"the compiler failed (status {child.returncode}); the server's log tells more"
            )
    return await asyncio.to_thread(unpacked, parcel, _aside())


def _aside() -> Callable[[], None]:
    """To be called now and then by who takes up a book while others decide."""
    pause = giving_way()

    def between() -> None:
        put_away()
        pause()

    return between


async def _begun(book: Path, at_once: bool) -> Begun:
    """The child, begun by a thread: that takes milliseconds. Nobody waiting for it any more, it is ended.

    Raises OSError.
    """
    beginning = asyncio.ensure_future(asyncio.to_thread(begin, book, at_once=at_once))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait([beginning])
        if beginning.exception() is None:
            await asyncio.to_thread(_dismiss, beginning.result())
        raise


def _parcel(child: "subprocess.Popen[bytes]") -> bytes:
    """All the child writes, or one byte more than a parcel may have; waits for its end in the first case."""
    with child.stdout or io.BytesIO() as pipe:
        parcel = pipe.read(MOST_BYTES + 1)
    if len(parcel) <= MOST_BYTES:
        child.wait()
    return parcel


def _complaint(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace")


def _dismiss(begun: Begun) -> None:
    """Ends a child that nobody has listened to."""
    with begun.said, begun.process.stdout or io.BytesIO():
        _end(begun.process)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.returncode is None:
        child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
