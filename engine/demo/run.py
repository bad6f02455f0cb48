"""The demo told in one go: a book, three services, a population, a minute of traffic, and what it showed."""

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import grpc

from engine.demo.arms import Arm, write_book
from engine.demo.client import Client, connected
from engine.demo.explained import Explained, explained
from engine.demo.ledger import Ledger
from engine.demo.population import population
from engine.demo.services import ServiceFailed, log_end, running
from engine.demo.traffic import Traffic
from engine.demo.visits import pages_of, visits
from engine.demo.world import World
from engine.errors import AttuneError, InvalidInput, Violation
from engine.model import Value
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load

_REFRESH: Final = 0.25
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Failure = TypeVar("_Failure", bound=BaseException)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play. `rate` is the most visits a second, over all arms; `seconds` is the traffic alone."""

    rules: Path
    seed: int = 1
    seconds: float = 45.0
    people: int = 12_000
    rate: float = 600.0


class Screen(Protocol):
    """Where the demo is shown while it goes on."""

    def say(self, line: str) -> None:
        """Tells what is being done before the traffic starts."""

    def show(self, ledger: Ledger, elapsed: float) -> None:
        """Shows where things stand after `elapsed` seconds of traffic."""


async def play(plan: Plan, screen: Screen) -> tuple[Ledger, list[Explained]]:
    """Plays the demo and returns what happened, with decisions explained.

    Whatever happens, also Ctrl-C: the services have ended and their data is gone when it returns.

    Raises:
        InvalidInput: the rule book cannot be used.
        ServiceFailed: a service did not start or did not last.
    """
    book = _loaded(plan.rules)
    pages = pages_of(book)
    with tempfile.TemporaryDirectory(prefix="attune-demo-") as directory, _stoppable():
        scratch = Path(directory)
        screen.say(f"starting three services on {plan.rules}")
        books = {arm: write_book(arm, plan.rules, scratch / "books") for arm in Arm}
        async with running(books, scratch) as addresses, connected(addresses, book) as clients:
            screen.say(f"telling them of {plan.people:,} customers")
            people = population(plan.people, plan.seed, time.time_ns() // 1_000)
            world = World(people, book, plan.seed)
            ledger = Ledger(world.arms)
            with _failures_told(scratch):
                await _introduce(world, clients)
                coming = visits(plan.people, pages, plan.seed)
                async with _shown(screen, ledger):
                    await Traffic(world, clients, ledger, coming).flow(plan.seconds, plan.rate)
                stories = await explained(world, clients[Arm.LEARNED], pages)
    return ledger, stories


def _loaded(rules: Path) -> RuleBook:
    loaded = load(rules)
    if loaded.book is None:
        wrong = [d for d in loaded.diagnostics if d.severity is Severity.ERROR]
        raise InvalidInput([Violation(str(rules), str(d)) for d in wrong[:5]])
    return loaded.book


async def _introduce(world: World, clients: Mapping[Arm, Client]) -> None:
    """Each arm's service hears of its own customers."""
    profiles: dict[Arm, dict[str, Mapping[str, Value]]] = {arm: {} for arm in Arm}
    for i, person in enumerate(world.people):
        profiles[world.arms[i]][person.customer_id] = world.profile(i)
    await asyncio.gather(*(clients[arm].put(mine) for arm, mine in profiles.items()))


@asynccontextmanager
async def _shown(screen: Screen, ledger: Ledger) -> AsyncIterator[None]:
    began = time.monotonic()

    async def keep_showing() -> None:
        while True:
            screen.show(ledger, time.monotonic() - began)
            await asyncio.sleep(_REFRESH)

    showing = asyncio.create_task(keep_showing())
    try:
        yield
    finally:
        showing.cancel()
    screen.show(ledger, time.monotonic() - began)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turns the signals that end a program into a cancellation, so that everything is tidied up."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 -- a coroutine runs in a task
    for each in _ENDING:
        loop.add_signal_handler(each, task.cancel)
    try:
        yield
    finally:
        for each in _ENDING:
            loop.remove_signal_handler(each)


@contextmanager
def _failures_told(scratch: Path) -> Iterator[None]:
    """Says what a failed call means, with what the services have logged."""
    try:
        yield
    except* AttuneError as group:
        failed: AttuneError = _first(group)
    except* grpc.aio.AioRpcError as group:
        error = _first(group)
        logs = "\n".join(filter(None, (log_end(scratch, arm) for arm in Arm)))
        failed = ServiceFailed(f"a service failed ({error.code().name}: {error.details()})\n{logs}")
    else:
        return
    raise failed


def _first(group: BaseExceptionGroup[_Failure]) -> _Failure:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
