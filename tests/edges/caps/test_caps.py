"""Caps of a running engine: counted at once, over restarts and reloads, from the journal where it must."""

import asyncio
import random
from pathlib import Path

import pytest

from engine.engine import AttuneEngine, Sources, open_engine
from engine.model import (
    MINUTE,
    CustomerId,
    EventId,
    IncomingEvent,
    IncomingResponse,
    ProfileUpdate,
)
from engine.running.repeats import Answer
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.rulebook.builders import action, book, files

FIRST_COME = {"when_scarce": "first_come"}


class Clock:
    def __init__(self):
        self.time = NOW
        self.seeds = 0

    def seed(self):
        self.seeds += 1
        return self.seeds


@pytest.fixture
def clock():
    return Clock()


def rules(**caps):
    return files(
        policies={"arbitration": {"exploration": {"policy": "greedy"}}},
        actions=[action("a", caps=caps | FIRST_COME)],
    )


def written(tmp_path: Path, **caps) -> Settings:
    for name, text in rules(**caps).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    return Settings(rules=tmp_path / "rules", data=tmp_path / "data", watch=False)


def opened(settings, clock):
    sources = Sources(now=lambda: clock.time, monotonic=lambda: 0.0, seed=clock.seed)
    return open_engine(settings, sources)


async def know(engine: AttuneEngine, *names: str) -> None:
    await engine.put([ProfileUpdate(CustomerId(name), NOW, ADULT) for name in names])


def decided(engine: AttuneEngine, name: str = "anna") -> Answer | None:
    answer = engine.decide_now(question(customer_id=CustomerId(name)), 1.0)
    assert isinstance(answer, Answer)
    return answer if not answer.decision.placements[0].fallback else None


def response(answer, outcome, at, name="anna"):
    decision, token = answer
    offer = decision.placements[0].offers[0]
    body = IncomingResponse(offer.action_id, token, decision.decision_id, outcome, 0.0)
    event = EventId(f"{decision.decision_id}-{outcome}")
    return IncomingEvent(event, CustomerId(name), at, body)


async def test_the_first_decision_finds_its_share_at_hand(tmp_path, clock):
    async with opened(written(tmp_path, total=1), clock) as engine:
        await know(engine, "anna")
        assert decided(engine)
        assert not decided(engine)


async def test_many_at_once_are_given_no_more_than_there_is(tmp_path, clock):
    async with opened(written(tmp_path, total=70, block=7), clock) as engine:
        names = [f"c{n}" for n in range(40)]
        await know(engine, *names)
        chance = random.Random(1)

        async def ask(name):
            given = 0
            for _ in range(5):
                await asyncio.sleep(chance.random() / 1_000)
                given += decided(engine, name) is not None
            return given

        given = sum(await asyncio.gather(*map(ask, names)))
        assert given <= 70
        for _ in range(80):
            await know(engine, "c0")
            given += decided(engine, "c0") is not None
        assert given == 70


async def test_what_was_shown_and_what_is_reserved_is_known_after_a_restart(tmp_path, clock):
    settings = written(tmp_path, total=3)
    async with opened(settings, clock) as engine:
        await know(engine, "anna")
        first, second = decided(engine), decided(engine)
        await engine.record([response(first, "impression", clock.time)])
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        assert decided(engine)
        assert not decided(engine)
        await engine.record([response(second, "not_delivered", clock.time)])
        assert decided(engine)
        assert not decided(engine)


async def test_what_was_not_heard_of_is_given_back_after_a_restart_too(tmp_path, clock):
    settings = written(tmp_path, total=2, hold="10m")
    async with opened(settings, clock) as engine:
        await know(engine, "anna")
        first = decided(engine)
        decided(engine)
        await engine.record([response(first, "impression", clock.time)])
    clock.time += 10 * MINUTE
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        assert [decided(engine) is not None for _ in range(2)] == [True, False]


async def test_without_its_file_everything_shown_is_counted_again_and_nothing_given_meanwhile(
    tmp_path, clock
):
    settings = written(tmp_path, total=3, hold="10m")
    async with opened(settings, clock) as engine:
        await know(engine, "anna")
        for _ in range(2):
            await engine.record([response(decided(engine), "click", clock.time)])
    for file in settings.data.glob("caps.db*"):
        file.unlink()
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        assert not decided(engine)
        clock.time += 10 * MINUTE
        assert [decided(engine) is not None for _ in range(2)] == [True, False]


async def test_without_its_file_caps_stay_closed_over_any_number_of_starts(tmp_path, clock):
    settings = written(tmp_path, total=2, hold="10m")
    async with opened(settings, clock) as engine:
        await know(engine, "anna")
        assert decided(engine)
        assert decided(engine)
    for file in settings.data.glob("caps.db*"):
        file.unlink()
    for _ in range(3):
        async with opened(settings, clock) as engine:
            await engine.customer(CustomerId("anna"))
            assert not decided(engine)
        clock.time += MINUTE
    clock.time += 7 * MINUTE
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        assert decided(engine)


async def test_an_old_copy_of_the_file_closes_caps_until_what_it_missed_counts_no_longer(
    tmp_path, clock
):
    settings = written(tmp_path, total=4, hold="10m")
    async with opened(settings, clock) as engine:
        await know(engine, "anna")
        await engine.record([response(decided(engine), "click", clock.time)])
    copy = (settings.data / "caps.db").read_bytes()
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        await engine.record([response(decided(engine), "click", clock.time)])
        assert decided(engine)
    (settings.data / "caps.db").write_bytes(copy)
    for _ in range(2):
        async with opened(settings, clock) as engine:
            await engine.customer(CustomerId("anna"))
            assert not decided(engine)
            figures = {gauge.name: gauge.read() for gauge in engine.gauges()}
            assert figures["attune_cap_confirmed"] == {"a/offers/total": 2.0}
            assert figures["attune_caps_late_total"] == 0.0
    clock.time += 10 * MINUTE
    async with opened(settings, clock) as engine:
        await engine.customer(CustomerId("anna"))
        assert [decided(engine) is not None for _ in range(3)] == [True, True, False]


async def test_a_reload_goes_on_with_the_same_account(tmp_path, clock):
    async with opened(written(tmp_path, per_day=3), clock) as engine:
        await know(engine, "anna")
        decided(engine)
        decided(engine)
        await engine.adopt(book(actions=[action("a", caps={"per_day": 2} | FIRST_COME)]), ())
        assert not decided(engine)


async def test_a_dry_run_uses_nothing_up(tmp_path, clock):
    async with opened(written(tmp_path, total=1), clock) as engine:
        await know(engine, "anna")
        for _ in range(3):
            dry = engine.decide_now(question(dry_run=True), 1.0)
            assert not dry.decision.placements[0].fallback
        assert decided(engine)


async def test_what_is_left_can_be_watched(tmp_path, clock):
    async with opened(written(tmp_path, per_day=3), clock) as engine:
        await know(engine, "anna")
        first = decided(engine)
        decided(engine)
        await engine.record([response(first, "impression", clock.time)])
        figures = {gauge.name: gauge.read() for gauge in engine.gauges()}
    assert figures["attune_cap_limit"] == {"a/offers/day": 3.0}
    assert figures["attune_cap_confirmed"] == {"a/offers/day": 1.0}
    assert figures["attune_cap_reserved"] == {"a/offers/day": 1.0}
    assert figures["attune_cap_price"] == {"a/offers/day": 0.0}
    assert figures["attune_caps_late_total"] == 0.0
