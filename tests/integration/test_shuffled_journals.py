"""Whatever order a day's responses arrive in, and however often: the same customers, the same examples.

Through the engine and its journal, with tokens and ids, restarts, and a process that dies in the middle.
"""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.cli import application
from engine.edges.journal.past import past_entries
from engine.edges.state.names import JOURNAL
from engine.edges.state.rebuild import digest as digest_of_customers
from engine.edges.state.rebuild import rebuild, recover
from engine.engine import AttuneEngine, Sources, open_engine
from engine.learning.examples import digest, examples
from engine.learning.mind import Mind
from engine.model import (
    DAY,
    MINUTE,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    EventStatus,
    IncomingEvent,
    IncomingResponse,
    Interaction,
    Lesson,
    ProfileUpdate,
    TrainingExample,
)
from engine.rulebook.load import Loaded, load
from engine.running.repeats import Answer
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import action, files

ANSWERS = 6
CUSTOMERS = (CustomerId("anna"), CustomerId("bert"))
OUTCOMES = {
    "impression": 0,
    "click": 0.2,
    "accept": 1,
    "reject": 0,
    "asked_for_more": 0.5,
    "not_delivered": None,
}
BOOK = files(
    actions=[action(f"a{n}", value=n + 1) for n in range(4)],
    policies={
        "outcomes": OUTCOMES,
        "arbitration": {"exploration": {"policy": "squarecb", "gamma": 0}},
    },
)


class Said(NamedTuple):
    """What is reported of an offer; `late` is after the response window, `by_id` without the token."""

    number: int
    outcome: str
    minutes: int
    value: float
    late: bool
    by_id: bool


class End(NamedTuple):
    """What a day ends in: a digest of all customers, and of the training examples."""

    customers: str
    examples: str


said = st.builds(
    Said,
    st.integers(0, ANSWERS - 1),
    st.sampled_from([*OUTCOMES, "undeclared"]),
    st.integers(-2, 3),
    st.sampled_from([0.0, 5.0]),
    st.booleans(),
    st.booleans(),
)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> "Morning":
    """A data directory in which the decisions of a day were made, and nobody has answered yet."""
    directory = tmp_path_factory.mktemp("morning")
    for name, text in BOOK.items():
        path = directory / "rules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)

    async def decided() -> list[Answer]:
        async with opened(directory) as engine:
            await engine.put([ProfileUpdate(name, NOW, ADULT) for name in CUSTOMERS])
            return [await answer(engine, number) for number in range(ANSWERS)]

    return Morning(directory, asyncio.run(decided()))


class Morning(NamedTuple):
    directory: Path
    answers: list[Answer]

    def event(self, at: int, told: Said) -> IncomingEvent:
        """The report number `at`; every fifth is no response."""
        decision, token = self.answers[told.number]
        time = decision.decided_at + told.minutes * MINUTE + (8 * DAY if told.late else 0)
        name = EventId(f"e{at}")
        if at % 5 == 4:
            return IncomingEvent(name, decision.customer_id, time, Interaction("visit", "web"))
        offer = decision.placements[0].offers[0]
        by, decision_id = (b"", decision.decision_id) if told.by_id else (token, DecisionId(""))
        body = IncomingResponse(offer.action_id, by, decision_id, told.outcome, told.value)
        return IncomingEvent(name, decision.customer_id, time, body)


async def answer(engine: AttuneEngine, number: int) -> Answer:
    asked = replace(question(), customer_id=CUSTOMERS[number % len(CUSTOMERS)])
    found = await engine.decide(asked, 1.0)
    assert not isinstance(found, bytes)
    return found


def opened(directory: Path):
    seeds = iter(range(1_000))
    sources = Sources(now=lambda: NOW, monotonic=lambda: 0.0, seed=lambda: next(seeds))
    settings = Settings(rules=directory / "rules", data=directory / "data", watch=False)
    return open_engine(settings, sources, compiled)


async def compiled(book: Path, *, at_once: bool = False) -> Loaded:
    return load(book)


def end_of(directory: Path) -> End:
    """What the journal says, which must be what recovery says, to the last weight."""
    anew, kept = Mind(), Mind()
    data = directory / "data"
    from_log = rebuild(data, teach=anew.teach, register=anew.register)
    recovered = recover(data, teach=kept.teach, register=kept.register, restore=kept.restore)
    customers = digest_of_customers(from_log.customers.values())
    assert digest_of_customers(recovered.customers.values()) == customers
    assert anew.learner.weights_digest() == kept.learner.weights_digest()
    events = [line for _, line in past_entries(data / JOURNAL) if isinstance(line, Event)]
    return End(customers, digest(examples(events)))


async def lived(
    directory: Path, batches: Sequence[Sequence[IncomingEvent]], dies_after: int
) -> None:
    """Reports the batches, with a restart after half of them, and a sudden death in between."""
    half = len(batches) // 2
    async with opened(directory) as engine:
        for at, batch in enumerate(batches[:half]):
            await recorded(engine, batch)
            if at == dies_after:
                shutil.copytree(directory / "data", directory / "found")
        told_until_then = half if dies_after >= half else dies_after + 1
    if (directory / "found").exists():
        shutil.rmtree(directory / "data")
        (directory / "found").rename(directory / "data")
    async with opened(directory) as engine:
        for batch in batches[told_until_then:]:
            await recorded(engine, batch)


async def recorded(engine: AttuneEngine, batch: Sequence[IncomingEvent]) -> None:
    for result in await engine.record(batch):
        assert result.status in {EventStatus.ACCEPTED, EventStatus.DUPLICATE}, result.reason


@settings(
    deadline=None,
    max_examples=12,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a day takes too long to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happened=st.lists(said, min_size=1, max_size=14), data=st.data())
def test_any_order_any_repetition_and_any_death_end_alike(
    morning: Morning,
    tmp_path_factory: pytest.TempPathFactory,
    happened: list[Said],
    data: st.DataObject,
) -> None:
    events = [morning.event(at, told) for at, told in enumerate(happened)]
    again = data.draw(st.lists(st.sampled_from(events), max_size=8))
    shuffled = data.draw(st.permutations(events + again))
    size = data.draw(st.integers(1, 5))
    dies_after = data.draw(st.integers(0, 6))
    in_order, upset = (tmp_path_factory.mktemp(name) / "day" for name in ("in_order", "upset"))
    shutil.copytree(morning.directory, in_order)
    shutil.copytree(morning.directory, upset)
    asyncio.run(lived(in_order, [[event] for event in events], len(events)))
    parts = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
    asyncio.run(lived(upset, parts, dies_after))
    assert end_of(upset) == end_of(in_order)


def upset(journal: Path, chance: random.Random) -> None:
    """Puts the lines of a journal into another order, many of them twice, and forgets the checkpoint."""
    with closing(sqlite3.connect(journal)) as database, database:
        lines = database.execute("SELECT time, kind, body FROM entries ORDER BY seq").fetchall()
        lines += chance.sample(lines, len(lines) // 2)
        chance.shuffle(lines)
        for table in ("entries", "checkpoint", "customers"):
            database.execute(f"DELETE FROM {table}")
        database.executemany(
            "INSERT INTO entries (seq, time, kind, body) VALUES (?, ?, ?, ?)",
            [(seq, *line) for seq, line in enumerate(lines, 1)],
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_journal_whose_lines_are_shuffled_and_doubled_ends_alike(
    morning: Morning, tmp_path: Path, seed: int
) -> None:
    chance, directory = random.Random(seed), tmp_path / "day"
    shutil.copytree(morning.directory, directory)
    told = [
        Said(number, outcome, chance.randint(-2, 3), 0.0, chance.random() < 0.2, False)
        for number in range(ANSWERS)
        for outcome in chance.sample(sorted(OUTCOMES), 4)
    ]
    asyncio.run(lived(directory, [[morning.event(at, one)] for at, one in enumerate(told)], 99))
    before, lessons = end_of(directory), learned_by(directory)
    upset(directory / "data" / JOURNAL, chance)
    assert end_of(directory) == before
    assert learned_by(directory) == lessons
    asyncio.run(lived(directory, [], 99))
    assert end_of(directory) == before


def learned_by(directory: Path) -> dict[tuple[str, str], float]:
    """What the lessons add up to, by offer, whatever their order."""
    sums: dict[tuple[str, str], float] = {}

    def teach(lesson: Lesson) -> None:
        assert isinstance(lesson, TrainingExample)
        offer = lesson.decision_id, lesson.action_id
        assert sums.get(offer) == lesson.taught
        sums[offer] = lesson.reward
        if lesson.taken_back:
            del sums[offer]

    rebuild(directory / "data", teach=teach, register=lambda _: None)
    return sums


def test_token_and_id_tell_the_same_of_an_offer(morning: Morning, tmp_path: Path) -> None:
    ends = []
    for by_id in (False, True):
        directory = tmp_path / str(by_id)
        shutil.copytree(morning.directory, directory)
        told = [Said(number, "click", 1, 0.0, False, by_id) for number in range(ANSWERS)]
        events = [morning.event(5 * at, one) for at, one in enumerate(told)]
        asyncio.run(lived(directory, [events], 1))
        ends.append(end_of(directory))
    assert ends[0] == ends[1]


def test_the_command_tells_the_examples_and_finds_the_weights_again(
    morning: Morning, tmp_path: Path
) -> None:
    directory = tmp_path / "day"
    shutil.copytree(morning.directory, directory)
    told = [Said(n, outcome, 1, 0.0, False, False) for n in range(2) for outcome in OUTCOMES]
    asyncio.run(lived(directory, [[morning.event(5 * n, one)] for n, one in enumerate(told)], 99))
    words = ["examples", "--data", str(directory / "data"), "--weights"]
    found = CliRunner().invoke(application(words), words)
    assert found.exit_code == 0, found.output
    assert "12 responses teach 2 examples, 2 of them with a reward." in found.output
    assert end_of(directory).examples in found.output
    assert "the same from the last checkpoint on" in found.output
    words = ["examples", "--data", str(directory / "data"), "--format", "json"]
    lines = CliRunner().invoke(application(words), words).output.splitlines()
    assert len(lines) == 2
    assert '"reward":1.0' in lines[0]


def test_a_directory_without_a_journal_is_one_clear_line(tmp_path: Path) -> None:
    words = ["examples", "--data", str(tmp_path)]
    found = CliRunner().invoke(application(words), words)
    assert found.exit_code == 1
    assert "holds no journal.db" in found.output
