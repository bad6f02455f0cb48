"""The real service, once for each arm: child processes on loopback ports, stopped whatever happens."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import engine
from engine.demo.arms import Arm
from engine.errors import AttuneError
from engine.settings import END_WITH_PARENT, PREFIX, Address

_READY: Final = re.compile(r"attune is ready on (\S+)")
_START: Final = 90.0
_STOP: Final = 10.0
_LOG_LINES: Final = 12


class ServiceFailed(AttuneError):
    """A service of the demo did not start, or ended before its time; the text ends with its log."""


@asynccontextmanager
async def running(books: Mapping[Arm, Path], scratch: Path) -> AsyncIterator[Mapping[Arm, Address]]:
    """Starts `attune serve` on each book and yields where each listens; stops them all at the end.

    Each child is in a process group of its own, so that Ctrl-C at the terminal reaches only this
    process, which then ends its children in order: SIGTERM, and SIGKILL for who is still there
    after ten seconds.

    Raises:
        ServiceFailed: one of them could not start.
    """
    children: dict[Arm, Process] = {}
    try:
        for arm, book in books.items():
            children[arm] = await _spawn(book, scratch / f"data-{arm}", _log_of(scratch, arm))
        waiting = [_ready(arm, child, scratch) for arm, child in children.items()]
        addresses = await asyncio.gather(*waiting)
        yield dict(zip(children, addresses, strict=True))
    finally:
        await _stop(list(children.values()))


def log_end(scratch: Path, arm: Arm) -> str:
    """The last lines an arm's service has written."""
    log = _log_of(scratch, arm)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-_LOG_LINES:])


def _log_of(scratch: Path, arm: Arm) -> Path:
    return scratch / f"{arm}.log"


async def _spawn(book: Path, data: Path, log: Path) -> Process:
    command = ["-m", "engine", "serve", "--rules", book, "--data", data, "--listen", "127.0.0.1:0"]
    with log.open("wb") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *map(str, command),
            cwd=Path(engine.__file__).parent.parent,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=errors,
            process_group=0,
        )


def _environment() -> dict[str, str]:
    """Ours, without the settings somebody may have made for a service of their own.

    A service goes when this process goes, also when it is killed, and need not wait for late calls.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return ours | {END_WITH_PARENT: str(os.getpid()), f"{PREFIX}LINGER": "0"}


async def _ready(arm: Arm, child: Process, scratch: Path) -> Address:
    assert child.stdout is not None  # noqa: S101 -- started with a pipe
    try:
        async with asyncio.timeout(_START):
            while line := (await child.stdout.readline()).decode(errors="replace"):
                if match := _READY.search(line):
                    return Address.parse(match[1])
    except TimeoutError:
        pass
    end = log_end(scratch, arm)
    raise ServiceFailed(f"the service of the arm '{arm.label}' did not start:\n{end}")


async def _stop(children: list[Process]) -> None:
    for child in children:
        if child.returncode is None:
            child.terminate()
    try:
        async with asyncio.timeout(_STOP):
            await asyncio.gather(*(_drained(child) for child in children))
    except TimeoutError:
        pass
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
    await asyncio.gather(*(_drained(child) for child in children))


async def _drained(child: Process) -> None:
    """Waits for the end; what is still in its pipe must be read, or it would wait for us."""
    await child.communicate()
