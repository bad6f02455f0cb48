"""The run: starts the client processes, has them begin together, and adds up what they tell."""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import engine
from engine.bench.plan import Plan
from engine.bench.tally import Tally
from engine.errors import AttuneError

_HEAD_START: Final = 0.2  # seconds for the word to begin to reach everybody
_LINE: Final = 1 << 20
_STOP: Final = 5.0


class BenchFailed(AttuneError):
    """A client process ended before its time; the text ends with what it wrote."""


@dataclass(slots=True)
class Course:
    """How a run goes: everything so far, the last second, and how busy each process was with itself.

    `busy` holds, for each process that has finished, the CPU seconds it took a second.
    """

    total: Tally = field(default_factory=Tally)
    lately: Tally = field(default_factory=Tally)
    busy: list[float] = field(default_factory=list)


async def run(plan: Plan, show: Callable[[Course, float], None]) -> Course:
    """Sends the load and counts; `show` is called about once a second, with the seconds since the start.

    Warm-up counts as negative seconds.

    Raises:
        BenchFailed: a client process did not come through.
    """
    course = Course()
    async with _clients(plan) as clients:
        await asyncio.gather(*(_ready(client) for client in clients))
        begin = time.monotonic() + _HEAD_START
        for client in clients:
            _tell(client, f"{begin}\n")
        following = asyncio.gather(*(_follow(client, course) for client in clients))
        try:
            while not following.done():
                await asyncio.wait({following}, timeout=1.0)
                show(course, time.monotonic() - begin - plan.warm_up)
                course.lately = Tally()
            await following
        finally:  # also when somebody interrupts
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    return course


@asynccontextmanager
async def _clients(plan: Plan) -> AsyncIterator[list[Process]]:
    """The processes, each in a group of its own: Ctrl-C reaches only this one, which ends them."""
    clients: list[Process] = []
    try:
        for part in range(plan.processes):
            clients.append(await _start(part))
            _tell(clients[-1], json.dumps(plan.to_dict()) + "\n")
        yield clients
    finally:
        for client in clients:
            if client.returncode is None:
                client.terminate()
        for client in clients:
            try:
                await asyncio.wait_for(client.wait(), _STOP)
            except TimeoutError:
                client.kill()


async def _start(part: int) -> Process:
    words = ["-m", "engine.bench.client", str(os.getpid()), str(part)]
    package = str(Path(engine.__file__).parent.parent)
    return await asyncio.create_subprocess_exec(
        sys.executable, *words,
        env=os.environ | {"PYTHONPATH": package},
        stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LINE, process_group=0,
    )  # fmt: skip


def _tell(client: Process, line: str) -> None:
    if client.stdin is not None:
        client.stdin.write(line.encode())


async def _ready(client: Process) -> None:
    await _line(client)


async def _follow(client: Process, course: Course) -> None:
    """Adds up what one process tells until it is through."""
    while True:
        told = await _line(client)
        tally = Tally.from_dict(told["tally"])
        course.total.add(tally)
        course.lately.add(tally)
        if "busy" in told:
            course.busy.append(told["busy"])
            return


async def _line(client: Process) -> dict[str, Any]:
    if client.stdout is None or client.stderr is None:
        raise BenchFailed("a client process has no pipes")
    line = await client.stdout.readline()
    if not line:
        said = (await client.stderr.read()).decode(errors="replace").strip()
        raise BenchFailed(f"a client process ended before its time: {said[-2000:]}")
    told: dict[str, Any] = json.loads(line)
    return told
