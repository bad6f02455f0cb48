"""The core: what deciding costs inside an open engine, and what one lesson costs."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks import workloads
from benchmarks.peers.rules import customers, question
from benchmarks.targets.target import Outcome, at_most
from engine.engine import AttuneEngine, open_engine
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learn import Learner
from engine.model import ActionId, Customer, DecisionId, ProfileUpdate, TrainingExample
from engine.settings import Settings

SIZES: Final = (200, 2_000)
_ROUNDS: Final = 7
_QUESTIONS: Final = 100
"""Asked of each book a round."""
_PAUSE: Final = 0.001
_LESSONS: Final = 3_000


def live(sizes: Sequence[int], step: Callable[[], None]) -> list[list[float]]:
    """Microseconds to decide in an open engine, for books of these sizes: the median of each round.

    Contact policies and arbitration are on. The loop rests between questions, so that caches are as cold as in
    service. The books take turns, some questions each, so that both are asked of the same machine. The
    dry run keeps contact policies from closing everything, and leaves out the token and the log, which are
    not deciding.
    """
    return uvloop.run(_live(sizes, step))


async def _live(sizes: Sequence[int], step: Callable[[], None]) -> list[list[float]]:
    people = customers()
    async with AsyncExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory()))
        engines = []
        for size in sizes:
            book = workloads.write_book(folder / f"book{size}", size, contact_policies=True)
            settings = Settings.of({}, rules=book, data=folder / f"data{size}", watch=False)
            engine = await open_.enter_async_context(open_engine(settings))
            now = time.time_ns() // 1_000
            await engine.put([ProfileUpdate(p.customer_id, now, p.attributes) for p in people])
            engines.append(engine)
        numbers = count()
        return [
            [await _round(engine, people, numbers, step) for engine in engines]
            for _ in range(_ROUNDS)
        ]


async def _round(
    engine: AttuneEngine,
    people: Sequence[Customer],
    numbers: Iterator[int],
    step: Callable[[], None],
) -> float:
    took = []
    for number in islice(numbers, _QUESTIONS):
        asked = replace(question(people[number % len(people)]), dry_run=True)
        await asyncio.sleep(_PAUSE)
        begun = time.perf_counter()
        decided = engine.decide_now(asked, time.monotonic() + 1.0)
        took.append(time.perf_counter() - begun)
        step()
        if not isinstance(decided, tuple) or decided[0].degraded:
            raise SystemExit(f"not a full decision: {decided!r}")
    return median(took) * 1e6


def lesson(actions: int) -> float:
    """Seconds to learn one response among so many actions, the median of batches."""
    features = tuple(Feature(f"customer.n{n}", FeatureKind.NUMBER) for n in range(15))
    schema, learner = FeatureSchema(features), Learner()
    learner.register(schema)
    lessons = [
        TrainingExample(
            DecisionId(""), ActionId(f"a{n % actions}"), f"g{n % 10}", "web", schema.digest,
            [float((n * (f + 1)) % 97) for f in range(15)], float(n % 5 == 0), None,
        )
        for n in range(max(_LESSONS, 2 * actions))
    ]  # fmt: skip
    for one in lessons:
        learner.learn_one(one)
    took = []
    for first in range(0, len(lessons), 100):
        begun = time.perf_counter()
        for one in lessons[first : first + 100]:
            learner.learn_one(one)
        took.append((time.perf_counter() - begun) / len(lessons[first : first + 100]))
    return median(took)


def outcomes(step: Callable[[], None]) -> list[Outcome]:
    """The lines of the table."""
    rounds = live(SIZES, step)
    few, many = lesson(10), lesson(2_000)
    how = "in an open engine, a millisecond of rest between questions"
    return [
        at_most(
            "decision core, 200 × 200, contact policies on",
            median(r[0] for r in rounds),
            80,
            "µs",
            how,
        ),
        at_most(
            "decision core, 2,000 × 2,000 / 200 × 200",
            median(r[1] / r[0] for r in rounds),
            2.5,
            remark=how,
        ),
        at_most("learning one response, 2,000 actions / 10 actions", many / few, 1.2),
    ]


STEPS: Final = len(SIZES) * _ROUNDS * _QUESTIONS
