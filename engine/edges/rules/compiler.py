"""The compiler's other end: starts the process that compiles a book, and bounds what it may take."""

import asyncio
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, TypeAlias

import structlog

from engine.rulebook.compile import MOST_SECONDS, refused, too_large
from engine.rulebook.loaded import Loaded, unpacked

Compile: TypeAlias = Callable[[Path], Awaitable[Loaded]]
"""Loads a book from its directory (or from where one is kept) without holding up the event loop."""

MOST_BYTES: Final = 256 << 20
PATIENCE: Final = 4.0 * MOST_SECONDS
"""Seconds in which a process that stands back for others should have had its seconds of processor time."""

_ROOT: Final = Path(__file__).resolve().parents[3]

_log = structlog.get_logger(__name__)


async def compile_apart(book: Path) -> Loaded:
    """What `load` finds in the book, found by a process of its own.

    Never raises for what is in the book, nor if that process fails: then the one diagnostic says so.
    It has a minute of processor time, four to get it in, and 2 GiB. It shares no file descriptor with this process (so no lock either) and
    does not hear of signals sent to this one's terminal.
    """
    try:
        said = await asyncio.to_thread(tempfile.TemporaryFile)
    except OSError as error:
        return refused(f"the compiler could not be started: {error.strerror or error}")
    with said:
        try:
            child = await _begun(book, said)
        except OSError as error:
            return refused(f"the compiler could not be started: {error.strerror}")
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
    return await asyncio.to_thread(unpacked, parcel)


async def _begun(book: Path, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    """The child, begun by a thread: that takes milliseconds. Nobody waiting for it any more, it is ended.

    Raises OSError.
    """
    beginning = asyncio.ensure_future(asyncio.to_thread(_started, book, said))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait([beginning])
        if beginning.exception() is None:
            await asyncio.to_thread(_dismiss, beginning.result())
        raise


def _started(book: Path, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    """The child, begun by vfork: neither are this process's pages copied nor do gRPC's threads halt."""
    command = [sys.executable, "-P", "-m", "engine.rulebook.compile", str(book.absolute())]
    return subprocess.Popen(  # noqa: S603  # our own module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=said,
        env=_environment(),
        start_new_session=True,
    )


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


def _dismiss(child: "subprocess.Popen[bytes]") -> None:
    """Ends a child that nobody has listened to."""
    with child.stdout or io.BytesIO():
        _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.returncode is None:
        child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(1.0)


def _environment() -> dict[str, str]:
    """The child imports the engine from where this process has it, whatever its directory."""
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT)}
