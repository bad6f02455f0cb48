"""A data directory filled with customers, once, and kept for the next time.

A service lives in it first: its model learns about its actions from a thousand decisions. Then log and
checkpoint are written on as that service would, by the engine's own journal, fold and codec; only gRPC
is left out.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import workloads
from engine.codec import encode_customer
from engine.edges.journal.database import DataDirectory, open_reader
from engine.edges.journal.entries import Checkpoint, Journal, read_checkpoint
from engine.edges.state.names import JOURNAL
from engine.engine import AttuneEngine, open_engine
from engine.model import (
    Customer,
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
from engine.topology import apply

DECISIONS: Final = 1_000
BYTES: Final = 3_000
"""Room on the disk that a customer takes, generously: in the log, in the checkpoint, and in what SQLite writes ahead."""

_BATCH: Final = 4_000


class NoRoom(Exception):
    """The disk has no room for so many customers."""


def steps(customers: int) -> int:
    """How often `fill` steps on."""
    return -(-customers // _BATCH)


def fill(folder: Path, customers: int, actions: int, step: Callable[[], None]) -> None:
    """Makes sure that there is a book in `book`, and in `data` what a service keeps of so many customers.

    Raises:
        NoRoom: nothing was written.
    """
    done = folder / "done"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        needed, free = customers * BYTES, shutil.disk_usage(folder).free
        if free < needed:
            raise NoRoom(
                f"{customers:,} customers take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free"
            )
        book = workloads.write_book(folder / "book", actions)
        data = folder / "data"
        uvloop.run(_live(Settings.of({}, rules=book, data=data, watch=False), customers))
        uvloop.run(_write_on(data, customers, step))
        done.touch()


async def _live(settings: Settings, customers: int) -> None:
    """The service's first days: decisions, and what came of them."""
    async with open_engine(settings) as engine:
        now, people = time.time_ns() // 1_000, workloads.profiles(min(customers, DECISIONS), seed=8)
        await engine.put([ProfileUpdate(CustomerId(who), now, a) for who, a in people])
        for number in range(min(customers, DECISIONS)):
            await _decide(engine, CustomerId(f"customer-{number}"), number)


async def _decide(engine: AttuneEngine, customer_id: CustomerId, number: int) -> None:
    """One decision, of which every offer was seen and every fifth clicked."""
    asked = Question(customer_id, "web", (PlacementId(workloads.PLACEMENT),))
    answer = await engine.decide(asked, time.monotonic() + 5.0)
    if not isinstance(answer, Answer):
        raise TypeError("a decision without a request id is no repetition")
    now, events = time.time_ns() // 1_000, []
    for at, offer in enumerate(answer.decision.placements[0].offers):
        for outcome in ("impression", "click")[: 2 if (number + at) % 5 == 0 else 1]:
            response = IncomingResponse(offer.action_id, answer.token, DecisionId(""), outcome, 0.0)
            name = EventId(f"{number}-{at}-{outcome}")
            events.append(IncomingEvent(name, customer_id, now, response))
    await engine.record(events)


async def _write_on(data: Path, customers: int, step: Callable[[], None]) -> None:
    """Everybody else's profiles: in the log, and in a checkpoint with the model as it is."""
    with closing(open_reader(data / JOURNAL)) as reader:
        _, model = read_checkpoint(reader)
    if model is None:
        raise ValueError(f"{data} holds no checkpoint")
    people = islice(workloads.profiles(customers, seed=9), DECISIONS, None)
    with closing(DataDirectory(data)), closing(Journal(data / JOURNAL)) as journal:
        end = journal.last_seq
        journal.start(asyncio.get_running_loop(), lambda _: None)
        while batch := list(islice(people, _BATCH)):
            now = time.time_ns() // 1_000
            updates = [ProfileUpdate(CustomerId(who), now, a) for who, a in batch]
            logged = journal.append(updates)
            rows = [(one.customer_id, encode_customer(_new(one))) for one in updates]
            await logged
            end += len(updates)
            await journal.save(Checkpoint(end, model, sorted(rows)))
            step()


def _new(update: ProfileUpdate) -> Customer:
    customer = Customer(update.customer_id)
    apply(customer, update)
    return customer
