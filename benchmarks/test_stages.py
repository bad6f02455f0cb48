"""What each stage of a decision costs in a hot loop, at 20, 200 and 2,000 actions.

    python -m pytest benchmarks --benchmark-enable

In the live server a stage finds cold caches and costs two to three times as much: these figures
compare one version with the next; `benchmarks.floor` says what a caller waits for.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import calibration, workloads
from benchmarks.workloads import SLOTS
from engine.arbitration import Arbiter
from engine.capsule import Capsules
from engine.circumstances import Circumstances
from engine.codec import DecisionRecord, encode_decision
from engine.contact.guard import ContactGuard
from engine.contact.pending import Pending, Returned
from engine.customer import Knowledge
from engine.deadline import Budget
from engine.decide import Decider
from engine.edges.grpc.admission import Admission
from engine.edges.grpc.answers import Answers
from engine.edges.grpc.questions import question_of
from engine.edges.grpc.values import read_any
from engine.edges.journal.entries import Journal
from engine.exploration.chance import Chance
from engine.exploration.choice import choose
from engine.exploration.exposures import Experience
from engine.kernels.arrays import ARRAYS
from engine.kernels.loops import loops
from engine.learn import Learner
from engine.model import (
    DAY,
    HOUR,
    Customer,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    EventStatus,
    Interaction,
    PlacementId,
    Question,
    Touch,
    TrainingExample,
    Value,
)
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook, Truth
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


@pytest.fixture(scope="module", params=[20, 200, 2_000], ids=lambda n: f"{n} actions")
def obeying(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    """A book all of whose actions obey two contact policies."""
    written = workloads.write_book(
        tmp_path_factory.mktemp("obeying"), request.param, contact_policies=True
    )
    book = load(written).book
    assert book is not None
    return book


def _written(directory: Path, actions: int) -> Path:
    return workloads.write_book(directory, actions)


def _with_history(book: RuleBook, number: int) -> Customer:
    """Somebody who was offered twenty actions and has seen three of them."""
    offered = [book.actions[(number + n) % len(book.actions)] for n in range(20)]
    touches = [
        Touch(
            DecisionId(f"d{n // SLOTS}"),
            action.action_id,
            "web",
            PLACEMENT,
            NOW - (20 - n) * HOUR,
            {"impression": (NOW - (20 - n) * HOUR, 0.0)} if n < 3 else {},
        )
        for n, action in enumerate(offered)
    ]
    return Customer(CustomerId(f"customer-{number}"), touches=touches)


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


def _seen(book: RuleBook, customer: Customer) -> list[Any]:
    return Knowledge(book).values(customer, _question(customer), NOW)


def _given(customer: Customer) -> Circumstances:
    return Circumstances(DecisionId("d"), customer, NOW, 7, Budget(1e12, time.monotonic))


def _decisions(w: Workload) -> list[DecisionRecord]:
    questions = [(_question(c), c) for c in w.customers]
    return [DecisionRecord(q, w.decider.decide(q, _given(c))) for q, c in questions]


def _each(stage: Callable[..., Any], inputs: list[tuple[Any, ...]]) -> Callable[[], Any]:
    """Calls the stage with the inputs in turn."""
    turn: Iterator[tuple[Any, ...]] = cycle(inputs)
    return lambda: stage(*next(turn))


def _rounds(
    benchmark: BenchmarkFixture,
    stage: Callable[..., Any],
    asked: tuple[Any, ...],
    before: Callable[[], None],
) -> None:
    """Calls the stage once a round, after `before`, which is not timed."""
    timed: Any = benchmark.pedantic
    timed(stage, args=asked, setup=before, rounds=200)


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


def test_contact_policies(benchmark: BenchmarkFixture, obeying: RuleBook) -> None:
    """How they stand for somebody offered twenty actions, told anew."""
    guard, customer = ContactGuard(obeying, Pending()), _with_history(obeying, 0)
    asked = _question(customer), _given(customer), _seen(obeying, customer)

    def changed() -> None:
        customer.revision += 1

    _rounds(benchmark, guard.limit, asked, changed)


def test_contact_policies_after_one_more_decision(
    benchmark: BenchmarkFixture, obeying: RuleBook
) -> None:
    """The same for somebody who has just been offered ten more."""
    pending = Pending()
    pending.assume_shown = DAY
    guard, customer = ContactGuard(obeying, pending), _with_history(obeying, 0)
    asked = _question(customer), _given(customer), _seen(obeying, customer)
    actions, numbers = [action.action_id for action in obeying.actions], count()

    def one_more() -> None:
        name, first = DecisionId(f"more{next(numbers)}"), next(numbers) * SLOTS
        offered = tuple(actions[(first + n) % len(actions)] for n in range(SLOTS))
        pending.note(Returned(name, NOW, customer.customer_id, None, "web", offered))

    _rounds(benchmark, guard.limit, asked, one_more)


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


def test_arbitrate(benchmark: BenchmarkFixture, workload: Workload) -> None:
    """C, V and L, the thresholds, and every candidate's priority."""
    book = workload.decider.book
    arbiter, propensities = Arbiter(book), np.full(len(book.actions), 0.1)
    inputs = []
    for customer in workload.customers:
        values = _values(workload, customer)
        truths = book.conditions_of(values)
        inputs.append((truths, values, book.select_for[PLACEMENT](truths, values, NOW)))

    def arbitrate(truths: Sequence[Truth], values: list[Any], treatments: list[int]) -> object:
        merit = arbiter.merit(truths, values, NOW)
        return arbiter.compete("web", treatments, propensities, merit)

    benchmark(_each(arbitrate, inputs))


def test_choose(benchmark: BenchmarkFixture, workload: Workload) -> None:
    chance = np.random.default_rng(1)
    every = len(workload.decider.book.actions)
    exploration = workload.decider.book.arbitration.exploration
    propensities, worth = chance.random(every), np.ones(every)
    doubt = Experience(propensities, worth, np.full(every, 50.0))
    actions = np.arange(every)
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
    """The same loop in C and on numpy, going by the evidence."""
    every = len(workload.decider.book.actions)
    propensities, places = np.random.default_rng(1).random(every), np.arange(every)
    evidence = (places, propensities, np.ones(every), np.full(every, 50.0))
    fill = (loops() if way == "compiled" else ARRAYS).fill
    benchmark(fill, propensities, places, 9.0, False, 7, *evidence, 10)


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


def test_journal(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """A hundred events accepted together: on the disk before anybody is told."""
    loop, numbers = asyncio.new_event_loop(), count()
    journal = Journal(tmp_path / "journal.db")
    journal.start(loop, lambda _: None)

    async def accept() -> None:
        events = [_happened(next(numbers)) for _ in range(100)]
        assert await journal.append(events) == [EventStatus.ACCEPTED] * len(events)

    try:
        benchmark(lambda: loop.run_until_complete(accept()))
    finally:
        journal.close()
        loop.close()


def _happened(number: int) -> Event:
    return Event(
        EventId(f"e{number}"), CustomerId(f"c{number % 50}"), NOW, Interaction("page_view", "web")
    )


def test_learn(benchmark: BenchmarkFixture, workload: Workload) -> None:
    lessons = [(_lesson(workload, number),) for number in range(CUSTOMERS)]
    benchmark(_each(workload.learner.learn_one, lessons))
