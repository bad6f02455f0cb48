"""Cold start: how long a service takes from its start to ready, with customers already on disk.

    python -m benchmarks.cold [--customers 1000000] [--actions 1000] [--starts 5] [--keep DIR] [--format json]

The customers are written once, by the engine itself, before anything is timed; for a million that takes
minutes. They are kept in DIR (`.benchmarks/cold` if none is named) for the next time. A model has learned about every action.
The page cache of the system is warm: what is measured is the service, not the disk.
"""

import argparse
import asyncio
import json
import shutil
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from rich.console import Console
from rich.progress import track

from benchmarks import floor, workloads
from benchmarks.targets.process import resident_bytes
from engine.engine import AttuneEngine, open_engine
from engine.model import (
    CustomerId,
    DecisionId,
    EventId,
    IncomingEvent,
    IncomingResponse,
    PlacementId,
    ProfileUpdate,
    Question,
)
from engine.running.repeats import Answer
from engine.settings import Settings

KEPT: Final = Path(".benchmarks/cold")
_BATCH: Final = 1_000
_UNDER_WAY: Final = 4
_DECISIONS: Final = 1_000


def measure(customers: int, actions: int, starts: int, kept: Path) -> dict[str, float]:
    """Seconds to ready, the median of so many starts, and the memory held then, in MiB."""
    folder = kept / f"{customers}-{actions}"
    filled(folder, customers, actions)
    command = ["engine", "serve", "--rules", folder / "book", "--data", folder / "data"]
    command += ["--listen", "127.0.0.1:0"]
    took, held = [], 0
    for _ in range(starts):
        begun = time.perf_counter()
        with floor.server(command) as service:
            took.append(time.perf_counter() - begun)
            held = resident_bytes(service.pid)
    return {"customers": customers, "seconds": median(took), "mebibytes": held / 2**20}


def filled(folder: Path, customers: int, actions: int) -> None:
    """Makes sure that there is a book at `book` and at `data` a service's directory with so many customers."""
    done = folder / "done"
    if done.is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    book = workloads.write_book(folder / "book", actions)
    uvloop.run(_fill(Settings.of({}, rules=book, data=folder / "data", watch=False), customers))
    done.touch()


async def _fill(settings: Settings, customers: int) -> None:
    people = workloads.profiles(customers, seed=9)
    async with open_engine(settings) as engine:
        under_way: set[asyncio.Task[None]] = set()
        console = Console(stderr=True)
        for _ in track(range(-(-customers // _BATCH)), "customers", console=console):
            now = time.time_ns() // 1_000
            batch = [ProfileUpdate(CustomerId(who), now, a) for who, a in islice(people, _BATCH)]
            under_way.add(asyncio.create_task(engine.put(batch)))
            if len(under_way) >= _UNDER_WAY:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*done)
        await asyncio.gather(*under_way)
        for number in range(min(customers, _DECISIONS)):
            await _teach(engine, CustomerId(f"customer-{number}"), number)


async def _teach(engine: AttuneEngine, customer_id: CustomerId, number: int) -> None:
    """One decision, of which every offer was seen and every fifth clicked."""
    asked = Question(customer_id, "web", (PlacementId(workloads.PLACEMENT),))
    answer = await engine.decide(asked, time.monotonic() + 1.0)
    if not isinstance(answer, Answer):
        raise TypeError("a decision without a request id is no repetition")
    now, events = time.time_ns() // 1_000, []
    for at, offer in enumerate(answer.decision.placements[0].offers):
        for outcome in ("impression", "click")[: 2 if (number + at) % 5 == 0 else 1]:
            response = IncomingResponse(offer.action_id, answer.token, DecisionId(""), outcome, 0.0)
            name = EventId(f"{number}-{at}-{outcome}")
            events.append(IncomingEvent(name, customer_id, now, response))
    await engine.record(events)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=1_000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=KEPT)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    found = measure(asked.customers, asked.actions, asked.starts, asked.keep)
    if asked.format == "json":
        print(json.dumps(found))
        return
    print(
        f"ready in {found['seconds']:.2f} s with {asked.customers:,} customers on disk,"
        f" {asked.actions:,} actions; {found['mebibytes']:,.0f} MiB resident"
    )


if __name__ == "__main__":
    main()
