"""Deadlines: one timer tells each whose time is up, and nobody else."""

import asyncio
from collections.abc import Iterator

import pytest

from engine.running.deadlines import Deadlines

LONG = 3_600.0


class Someone:
    """Who waits, and how often they were told."""

    def __init__(self) -> None:
        self.told = 0
        self.is_told = asyncio.Event()

    def expire(self) -> None:
        self.told += 1
        self.is_told.set()

    async def until_told(self) -> None:
        async with asyncio.timeout(20):
            await self.is_told.wait()


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadlines(clock: Clock) -> Iterator[Deadlines]:
    made = Deadlines(clock)
    yield made
    made.close()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_who_has_no_time_is_told_in_a_later_turn(
    deadlines: Deadlines, seconds: float
) -> None:
    one = Someone()
    deadlines.watch(one, seconds)
    assert one.told == 0
    await one.until_told()
    assert (one.told, len(deadlines)) == (1, 0)


async def test_those_whose_time_is_up_are_told_and_the_others_wait_on(
    deadlines: Deadlines, clock: Clock
) -> None:
    early, late, first = Someone(), Someone(), Someone()
    deadlines.watch(late, LONG)
    deadlines.watch(early, 10.0)
    clock.now = 10.0
    deadlines.watch(first, 0.0)
    await first.until_told()
    assert (early.told, late.told, len(deadlines)) == (1, 0, 1)


async def test_a_timer_set_for_somebody_later_does_not_hold_up_who_comes_with_less_time(
    deadlines: Deadlines,
) -> None:
    patient, hurried = Someone(), Someone()
    deadlines.watch(patient, LONG)
    deadlines.watch(hurried, 0.0)
    await hurried.until_told()
    assert patient.told == 0


async def test_a_timer_that_rings_for_nothing_is_set_again_for_who_is_left(
    deadlines: Deadlines,
) -> None:
    answered, left = Someone(), Someone()
    deadlines.watch(answered, 0.0)
    deadlines.watch(left, 0.002)  # the clock stands still: only another timer can tell
    deadlines.forget(answered)
    other = Someone()
    deadlines.watch(other, 0.0)
    await other.until_told()
    assert (answered.told, left.told, len(deadlines)) == (0, 0, 1)


async def test_who_expires_may_let_another_wait(deadlines: Deadlines) -> None:
    second = Someone()

    class First(Someone):
        def expire(self) -> None:
            deadlines.watch(second, 0.0)

    deadlines.watch(First(), 0.0)
    await second.until_told()
    assert len(deadlines) == 0


async def test_nobody_is_told_after_the_end(clock: Clock) -> None:
    deadlines, one, other = Deadlines(clock), Someone(), Someone()
    deadlines.watch(one, 0.0)
    deadlines.close()
    again = Deadlines(clock)
    again.watch(other, 0.0)
    await other.until_told()
    assert one.told == 0
    again.close()
