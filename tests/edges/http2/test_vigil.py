"""Staying awake for who asks without a pause, on a clock of its own."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.edges.http2.vigil import IN_A_ROW, Vigil, worth_keeping

MOMENT = 0.000_2


class Loop:
    """Turns that take ten microseconds each, as long as there is anything to call."""

    def __init__(self, moment: float = MOMENT) -> None:
        self.now = 100.0
        self.soon: deque[Callable[[], None]] = deque()
        self.vigil = Vigil(self.soon.append, moment, lambda: self.now)

    def run(self, seconds: float) -> float:
        """Lets time pass; for how long of it the loop was awake."""
        end, awake = self.now + seconds, 0.0
        while self.soon and self.now < end:
            for _ in range(len(self.soon)):
                self.soon.popleft()()
            self.now += 0.000_01
            awake += 0.000_01 if self.soon else 0.0
        self.now = end
        return awake

    def answers(self, after: float, times: int = 1) -> float:
        """Questions that come so long after the last answer; for how long the loop was awake before them."""
        awake = 0.0
        for _ in range(times):
            awake += self.run(after)
            self.vigil.heard()
            self.vigil.said()
        return awake


def test_it_sleeps_until_questions_have_come_at_once_for_a_while() -> None:
    loop = Loop()
    assert loop.answers(0.000_1, IN_A_ROW) == 0.0
    loop.answers(0.000_1)
    assert loop.answers(0.000_1, 10) == pytest.approx(0.001)


def test_it_goes_to_sleep_when_none_comes_any_more() -> None:
    loop = Loop()
    loop.answers(0.000_1, 10)
    assert loop.run(1.0) == pytest.approx(MOMENT, abs=0.000_02)
    assert not loop.soon


def test_it_stays_awake_for_what_an_answer_has_to_wait_for() -> None:
    loop = Loop()
    loop.answers(0.000_1, 10)
    loop.run(0.000_15)
    loop.vigil.heard()
    assert loop.run(0.000_15) == pytest.approx(0.000_15)


def test_who_comes_at_longer_intervals_costs_nothing() -> None:
    loop = Loop()
    assert loop.answers(0.000_3, 100) == 0.0


def test_one_pause_is_enough_to_sleep_again() -> None:
    loop = Loop()
    loop.answers(0.000_1, 10)
    loop.answers(0.01)
    assert loop.answers(0.000_1, IN_A_ROW - 1) == 0.0


@pytest.mark.parametrize("after", [0.0, 0.000_01])
def test_what_was_under_way_at_the_same_time_is_no_caller_who_asks_again(after: float) -> None:
    loop = Loop()
    assert loop.answers(after, 100) == 0.0
    assert sum(loop.answers(0.000_1) + loop.answers(after) for _ in range(50)) == 0.0


def test_it_can_be_told_never_to() -> None:
    loop = Loop(moment=0.0)
    assert loop.answers(0.0, 100) == 0.0


@pytest.mark.parametrize(
    ("cores", "quota", "worth"),
    [
        ({0}, None, False),
        ({0, 3}, None, True),
        ({0, 3}, "max 100000\n", True),
        ({0, 3}, "100000 100000\n", False),
        ({0, 3}, "150000 100000\n", True),
        ({0, 3}, "what?\n", True),
    ],
)
def test_a_core_that_callers_need_is_not_kept_from_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: set[int], quota: str | None, worth: bool
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: cores, raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert worth_keeping(tmp_path / "cpu.max") is worth
