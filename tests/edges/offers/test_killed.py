"""A process killed at work: what was accepted before sets off what it should, and nothing twice."""

import asyncio
import subprocess
import sys
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest

from engine.engine import open_engine
from engine.model import CustomerId
from engine.settings import Settings
from tests.rulebook.builders import files
from tests.test_engine import write

DROPS = {"events.drops_1d": {"type": "int", "default": 0, "from": {"event": "drop", "count": "1d"}}}
THIRD = {"on": "drop", "when": "events.drops_1d >= 3", "placements": ["web.hero"], "rest": "7d"}


def recorded(rules: Path, data: Path, lines: int) -> list[str]:
    """The third calls accepted before the process was killed."""
    command = [sys.executable, "-m", "tests.edges.offers.recorder", str(rules), str(data)]
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
