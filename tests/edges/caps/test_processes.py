"""Three processes at one cap in a real Redis: together they offer what there is, also if one is killed."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from tests.edges.caps.desk import until
from tests.edges.caps.test_shared import KEYS
from tools.brokers.redis import Redis

LIMIT = 3_000
AT_HAND = 200
"""Two blocks: the most that is lent to one of them."""


class Crowd:
    """Three processes that offer all they can, and what each has written down."""

    def __init__(self, redis: Redis, directory: Path) -> None:
        self.redis = redis
        self.outs = [directory / f"{seed}" for seed in range(3)]
        self.processes: list[Process] = []

    async def begin(self) -> None:
        await self.ask("FLUSHALL")
        module = ("-m", "tests.edges.caps.hammer", self.redis.url)
        for seed, out in enumerate(self.outs):
            words = (*module, str(seed), str(LIMIT), str(out))
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, stdin=PIPE, stdout=PIPE
            )
            self.processes.append(process)
        for process in self.processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(b"begin\n")

    async def end(self) -> None:
        for process in self.processes:
            if process.stdin is not None:
                process.stdin.close()
        await asyncio.gather(*[process.wait() for process in self.processes])

    async def ask(self, *words: str) -> bytes:
        connection = await Connection.open(RedisAddress.parse(self.redis.url), patience=20)
        told = await connection.ask(*words)
        await connection.close()
        return bytes(told)

    async def held(self) -> int:
        return int(await self.ask("HGET", KEYS[0], "held"))

    @property
    def made(self) -> list[int]:
        return [len(out.read_text().splitlines()) if out.exists() else 0 for out in self.outs]


@pytest.fixture
async def crowd(redis: Redis, tmp_path: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(redis, tmp_path)
    await crowd.begin()
    yield crowd
    await crowd.end()


async def test_three_processes_offer_exactly_what_there_is(crowd: Crowd) -> None:
    await until(lambda: sum(crowd.made) >= LIMIT)
    await crowd.end()
    assert sum(crowd.made) == LIMIT
    assert await crowd.held() == LIMIT


async def test_one_that_is_killed_overspends_nothing(crowd: Crowd) -> None:
    await until(lambda: crowd.made[0] > LIMIT / 20)
    crowd.processes[0].kill()
    await crowd.processes[0].wait()
    await until(lambda: sum(crowd.made) >= LIMIT - AT_HAND)
    await crowd.end()
    held = await crowd.held()
    assert held <= sum(crowd.made) <= LIMIT
