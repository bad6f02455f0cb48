"""A process killed at work: what was accepted before sets off what it should, and nothing twice."""

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.edges.state.names import OFFERS
from engine.engine import open_engine
from engine.model import CustomerId, ProfileUpdate
from engine.settings import Settings
from tests.builders import ADULT
from tests.rulebook.builders import files
from tests.test_engine import write

DROPS = {"events.drops_1d": {"type": "int", "default": 0, "from": {"event": "drop", "count": "1d"}}}
THIRD = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"], "rest": "7d"}


def recorded(rules: Path, data: Path, lines: int) -> list[str]:
    """The third calls accepted before the process was killed."""
    return printed("recorder", rules, data, lines)


def printed(module: str, rules: Path, data: Path, lines: int) -> list[str]:
    """What the process printed before it was killed, which was after so many lines."""
    command = [sys.executable, "-m", f"tests.edges.offers.{module}", str(rules), str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(lines)]
        process.kill()
        return [*told, *(line.strip() for line in process.stdout if line.endswith("\n"))]


@pytest.mark.parametrize("lines", [1, 40])
async def test_no_offer_is_lost_and_none_made_twice(tmp_path: Path, lines: int) -> None:
    rules, data = tmp_path / "rules", tmp_path / "data"
    write(rules, files(attributes=DROPS, policies={"triggers": {"third": THIRD}}))
    accepted = await asyncio.to_thread(recorded, rules, data, lines)
    left = Counter[str]()
    settings = Settings(rules=rules, data=data, watch=False)
    async with (
        open_engine(settings) as engine,
        asyncio.timeout(30),
        aclosing(engine.offers(0)) as offers,
    ):
        while not set(accepted) <= left.keys():
            message = (await anext(offers)).message
            left[message.document["event_id"]] += 1
    async with open_engine(settings) as engine:
        customer = await engine.customer(CustomerId(accepted[0].split(".")[0]))
    assert set(left.values()) == {1}
    assert customer is not None
    assert [past.type for past in customer.interactions] == ["drop"] * 3 + ["trigger:third"]


def by_the_clock() -> dict[str, object]:
    """A trigger whose day has begun some twelve hours ago, and lasts for as many."""
    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
    when = {"every": "day", "at": "00:00", "timezone": zone, "max_age": "1d"}
    return when | {"placements": ["web.hero"]}


async def test_a_round_that_was_killed_goes_on_and_makes_no_offer_twice(tmp_path: Path) -> None:
    rules, data = tmp_path / "rules", tmp_path / "data"
    write(rules, files(policies={"triggers": {"hello": by_the_clock()}}))
    settings = Settings(rules=rules, data=data, watch=False)
    names = [CustomerId(f"c{n:03}") for n in range(700)]
    async with open_engine(settings) as engine:
        await engine.put([ProfileUpdate(name, engine._sources.now(), ADULT) for name in names])
    with closing(sqlite3.connect(data / OFFERS, isolation_level=None)) as other:
        other.execute("INSERT OR REPLACE INTO rounds VALUES ('hello', '2026-01-01', NULL)")
    for lines in (1, 100, 500):
        assert len(await asyncio.to_thread(printed, "watcher", rules, data, lines)) >= lines
    async with (
        open_engine(settings) as engine,
        asyncio.timeout(30),
        aclosing(engine.offers(0)) as offers,
    ):
        left = [(await anext(offers)).message.customer_id for _ in names]
    async with open_engine(settings) as engine:
        kept = [one.message.customer_id async for one in engine.offers(0, only_kept=True)]
        customers = [await engine.customer(name) for name in names]
    assert sorted(left) == sorted(kept) == names
    for customer in customers:
        assert customer is not None
        assert [past.type for past in customer.interactions] == ["trigger:hello"]
