"""What lives long is not looked at again, and all is as it was when the service has ended."""

import asyncio
import gc
from contextlib import suppress

import pytest

from engine.running.garbage import put_away, tend


class Node:
    """Refers to itself, so that only the collector can find it."""

    def __init__(self):
        self.me = self


@pytest.fixture
async def tended():
    before = gc.get_threshold()
    task = asyncio.create_task(tend(lambda: 0))
    await asyncio.sleep(0)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


async def test_what_is_there_after_the_start_is_not_looked_at_again(tended):
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000


async def test_what_comes_in_numbers_is_looked_at_once(tended):
    kept = [[number] for number in range(200_000)]
    assert len(kept) == 200_000
    assert len(gc.get_objects()) < 20_000


async def test_young_garbage_is_found(tended):
    before = gc.get_freeze_count() + len(gc.get_objects())
    for _ in range(100_000):
        Node()
    after = gc.get_freeze_count() + len(gc.get_objects())
    assert after - before < 50_000


async def test_who_makes_much_that_stays_has_it_not_looked_at(tended):
    kept = [[number] for number in range(5_000)]
    put_away()
    assert len(gc.get_objects()) < len(kept)


def test_nothing_is_put_away_where_nobody_tends():
    put_away()
    assert gc.get_freeze_count() == 0
