"""Attune's own data directory, written by decisions and responses, read back as a log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.codec import DecisionRecord
from engine.edges.state.embedded import Embedded, Limits
from engine.errors import InvalidInput
from engine.evaluation.decisions import decided
from engine.evaluation.evaluate import evaluate
from engine.evaluation.mapping import columns_for
from engine.evaluation.policies import Uniform
from engine.evaluation.reading import Reading, read_log
from engine.features import FeatureSchema
from engine.model import (
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    Exposure,
    Offer,
    Response,
)
from engine.rulebook.book import RuleBook
from tests.builders import NOW, customer, decide, question
from tests.rulebook.builders import action, book

RATES = {"a": 0.5, "b": 0.2, "c": 0.1}
"""How often each action is taken up; "old" is for nobody."""


def small_book(version: int = 0) -> RuleBook:
    actions = [
        action("old", eligible_when={"never": "customer.age > 120"}),
        *(action(name, value=10 + version) for name in RATES),
    ]
    return book(actions=actions)


@asynccontextmanager
async def store_at(path: Path) -> AsyncIterator[Embedded]:
    store = await Embedded.open(
        path,
        teach=lambda lesson: None,
        register=lambda document: None,
        snapshot=lambda: b"",
        restore=lambda snapshot: None,
        clock=lambda: NOW,
        limits=Limits(checkpoint_seconds=None),
    )
    try:
        yield store
    finally:
        await store.close()


def seen(made: Decision, offer: Offer, outcome: str, reward: float | None) -> Event:
    exposure = Exposure(
        made.decision_id,
        offer.action_id,
        offer.group,
        made.channel,
        made.placements[0].placement,
        made.decided_at,
        offer.probability,
        offer.propensity,
        made.schema,
        made.features,
    )
    name = f"{made.decision_id} {offer.action_id} {outcome}"
    return Event(
        EventId(name), CustomerId(made.customer_id), NOW, Response(exposure, outcome, 0.0, reward)
    )


async def play(store: Embedded, count: int, version: int = 0) -> None:
    """Decides `count` times for `count // 2` customers, who see the first offer and may take it up."""
    of = small_book(version)
    schema = FeatureSchema.for_book(of)
    await store.note_schema(schema.digest, schema.to_dict())
    chance = np.random.default_rng(version)
    for at in range(count):
        propensities = [0.1, *chance.uniform(0.05, 0.4, size=3)]
        who = customer(customer_age=20 + at % 50)
        asked = question("web.hero", customer_id=CustomerId(f"c{at // 2}"))
        made = decide(of, asked, who, propensities=propensities, seed=at)
        made.decision_id = DecisionId(f"d{version}-{at}")
        assert store.record(DecisionRecord(asked, made))
        first = made.placements[0].offers[0]
        events = [seen(made, first, "impression", 0.0)]
        if chance.uniform() < RATES[first.action_id]:
            events.append(seen(made, first, "accept", 1.0))
        events.append(seen(made, made.placements[0].offers[1], "not_delivered", None))
        await store.append(events)


def read(data: Path) -> Reading:
    table, remarks = decided(data)
    return read_log(table, columns_for(table.columns, ""), remarks=remarks)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 600 decisions, closed again."""
    path = tmp_path_factory.mktemp("evaluation") / "data"

    async def fill() -> None:
        async with store_at(path) as store:
            await play(store, 600)

    asyncio.run(fill())
    return path


def test_every_offer_that_was_seen_is_a_choice(data: Path) -> None:
    reading = read(data)
    assert len(reading.log) == 600
    assert reading.log.names == ("a", "b", "c")
    assert int(reading.log.units.max()) + 1 == 300
    assert reading.table["slot"].unique().to_list() == ["web.hero 1"]
    assert reading.remarks == ("600 offers nobody is known to have seen are left out.",)


def test_the_best_response_is_the_reward(data: Path) -> None:
    log = read(data).log
    for at, name in enumerate(log.names):
        assert log.rewards[log.actions == at].mean() == pytest.approx(RATES[name], abs=0.15)
    assert set(log.rewards.tolist()) == {0.0, 1.0}


def test_who_competed_is_known_by_name(data: Path) -> None:
    log = read(data).log
    assert log.candidates is not None
    assert log.candidates.all()


def test_the_model_of_the_reward_sees_what_the_model_saw(data: Path) -> None:
    assert "customer.age" in read(data).features


def test_the_uniform_policy_is_told_from_it(data: Path) -> None:
    evaluation = evaluate(read(data).log, Uniform())
    truth = sum(RATES.values()) / 3
    assert evaluation.headline.bootstrap.covers(truth)
    assert evaluation.overlap.mean_weight == pytest.approx(1.0, abs=0.15)


async def test_another_rule_book_in_between_changes_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await play(store, 100)
        await play(store, 100, version=1)
    reading = read(tmp_path)
    assert reading.log.names == ("a", "b", "c")
    assert len(reading.log) == 200


async def test_a_log_can_be_read_while_a_service_has_it(data: Path) -> None:
    async with store_at(data):
        assert len(read(data).log) == 600


def test_a_directory_without_choices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds no journal\.db"):
        decided(tmp_path)


async def test_decisions_without_responses_are_refused(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    with pytest.raises(InvalidInput, match="holds no offer of which a response"):
        decided(tmp_path)
