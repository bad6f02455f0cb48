"""What each stage of a decision costs in a hot loop, at 20, 200 and 2,000 actions.

    python -m pytest benchmarks --benchmark-enable

In the live server a stage finds cold caches and costs two to three times as much: these figures
compare one version with the next; `benchmarks.floor` says what a caller waits for.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import calibration, workloads
from engine.capsule import Capsules
from engine.circumstances import Circumstances
from engine.codec import DecisionRecord, encode_decision
from engine.customer import Knowledge
from engine.deadline import Budget
from engine.decide import Decider
from engine.edges.grpc.admission import Admission
from engine.edges.grpc.answers import Answers
from engine.edges.grpc.questions import question_of
from engine.edges.grpc.values import read_any
from engine.exploration.chance import Chance
from engine.exploration.choice import choose
from engine.exploration.exposures import Experience
from engine.kernels.arrays import ARRAYS
from engine.kernels.loops import loops
from engine.learn import Learner
from engine.model import (
    Customer,
    CustomerId,
    DecisionId,
    PlacementId,
    Question,
    TrainingExample,
    Value,
)
from engine.propensity import Propensities
from engine.rulebook.load import load
from engine.wire.decision_pb2 import DecideRequest

NOW = 1_767_225_600_000_000
PLACEMENT = PlacementId(workloads.PLACEMENT)
CUSTOMERS = 100


class Workload(NamedTuple):
    """A loaded book, a model that has learned a little, and who asks."""

    decider: Decider
    model: Propensities
    learner: Learner
    customers: list[Customer]


@pytest.fixture(scope="module", params=[20, 200, 2_000], ids=lambda n: f"{n} actions")
def workload(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workload:
    book = load(_written(tmp_path_factory.mktemp("book"), request.param)).book
    assert book is not None
    learner = Learner()
    model = Propensities.bind(learner, book)
    customers = [
        Customer(CustomerId(c.customer_id), {n: read_any(v) for n, v in c.attributes.items()})
        for c in workloads.customers(CUSTOMERS)
    ]
    made = Workload(Decider(book, model, time.monotonic), model, learner, customers)
    for number in range(2 * request.param):
        learner.learn_one(_lesson(made, number))
    return made


def _written(directory: Path, actions: int) -> Path:
    return workloads.write_book(directory, actions)


def _lesson(w: Workload, number: int) -> TrainingExample:
    book, customer = w.decider.book, w.customers[number % CUSTOMERS]
    action = book.actions[number % len(book.actions)]
    features = w.model.features.read(_values(w, customer), customer, NOW)
    digest, reward = w.model.features.digest, float(number % 5 == 0)
    return TrainingExample(
        DecisionId(""), action.action_id, action.group, "web", digest, features, reward, None
    )


def _question(customer: Customer) -> Question:
    return Question(customer.customer_id, "web", (PLACEMENT,))


def _values(w: Workload, customer: Customer) -> list[Any]:
    return Knowledge(w.decider.book).values(customer, _question(customer), NOW)


def _given(customer: Customer) -> Circumstances:
    return Circumstances(DecisionId("d"), customer, NOW, 7, Budget(1e12, time.monotonic))


def _decisions(w: Workload) -> list[DecisionRecord]:
    questions = [(_question(c), c) for c in w.customers]
    return [DecisionRecord(q, w.decider.decide(q, _given(c))) for q, c in questions]


def _each(stage: Callable[..., Any], inputs: list[tuple[Any, ...]]) -> Callable[[], Any]:
    """Calls the stage with the inputs in turn."""
    turn: Iterator[tuple[Any, ...]] = cycle(inputs)
    return lambda: stage(*next(turn))


def test_calibration(benchmark: BenchmarkFixture) -> None:
    """What every other figure is divided by when two runs, or two machines, are compared."""
    benchmark(calibration.loop)


def test_question(benchmark: BenchmarkFixture, workload: Workload) -> None:
    admission = Admission(workload.decider.book)
    request = DecideRequest(customer_id="customer-1", channel="web", placements=[PLACEMENT])
    benchmark(question_of, request, admission)


def test_conditions(benchmark: BenchmarkFixture, workload: Workload) -> None:
    values = [(_values(workload, customer),) for customer in workload.customers]
    benchmark(_each(workload.decider.book.conditions_of, values))


def test_select(benchmark: BenchmarkFixture, workload: Workload) -> None:
    book = workload.decider.book
    values = [_values(workload, customer) for customer in workload.customers]
    benchmark(_each(book.select_for[PLACEMENT], [(book.conditions_of(v), v, NOW) for v in values]))


def test_features_and_encoding(benchmark: BenchmarkFixture, workload: Workload) -> None:
    features = workload.model.features
    encoding = workload.learner.encoding(features.digest)

    def encode(raw: Sequence[Value]) -> object:
        return encoding.encode(raw, encoding.numbers(raw))

    inputs = [(_values(workload, customer), customer, NOW) for customer in workload.customers]
    benchmark(_each(lambda *asked: encode(features.read(*asked)), inputs))


def test_predict(benchmark: BenchmarkFixture, workload: Workload) -> None:
    every = np.arange(len(workload.decider.book.actions))
    inputs = [
        (workload.model.features.read(_values(workload, c), c, NOW), "web", every)
        for c in workload.customers
    ]
    benchmark(_each(workload.model.predict, inputs))


def test_choose(benchmark: BenchmarkFixture, workload: Workload) -> None:
    chance = np.random.default_rng(1)
    count = len(workload.decider.book.actions)
    exploration = workload.decider.book.arbitration.exploration
    propensities, worth = chance.random(count), np.ones(count)
    doubt = Experience(propensities, worth, np.full(count, 50.0))
    actions = np.arange(count)
    benchmark(
        lambda: choose(
            propensities,
            workloads.SLOTS,
            exploration,
            chance=Chance(7),
            actions=actions,
            doubt=doubt,
        )
    )


@pytest.mark.parametrize("way", ["compiled", "arrays"])
def test_fill(benchmark: BenchmarkFixture, workload: Workload, way: str) -> None:
    """The same loop with and without numba, going by the evidence."""
    count = len(workload.decider.book.actions)
    propensities, places = np.random.default_rng(1).random(count), np.arange(count)
    evidence = (places, propensities, np.ones(count), np.full(count, 50.0))
    chosen, probabilities = np.empty(10, np.intp), np.empty(10)
    fill = (loops() if way == "compiled" else ARRAYS).fill
    benchmark(
        fill, propensities, places, 9.0, False, np.uint64(7), *evidence, chosen, probabilities
    )


def test_whole_decision(benchmark: BenchmarkFixture, workload: Workload) -> None:
    inputs = [(_question(customer), _given(customer)) for customer in workload.customers]
    benchmark(_each(workload.decider.decide, inputs))


def test_seal(benchmark: BenchmarkFixture, workload: Workload) -> None:
    decisions = [(record.decision,) for record in _decisions(workload)]
    benchmark(_each(Capsules(bytes(32)).seal, decisions))


def test_answer(benchmark: BenchmarkFixture, workload: Workload) -> None:
    decisions = [(record.decision, bytes(800)) for record in _decisions(workload)]
    benchmark(_each(Answers().encode, decisions))


def test_record(benchmark: BenchmarkFixture, workload: Workload) -> None:
    """What the decision log's thread does for each decision."""
    benchmark(_each(encode_decision, [(record,) for record in _decisions(workload)]))


def test_learn(benchmark: BenchmarkFixture, workload: Workload) -> None:
    lessons = [(_lesson(workload, number),) for number in range(CUSTOMERS)]
    benchmark(_each(workload.learner.learn_one, lessons))
