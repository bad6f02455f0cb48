"""Nothing holds up the event loop: no long callback, and none that may wait for a disk or a socket."""

from pathlib import Path

from tests.loop.load import seen_under_load

LONGEST = 0.015
"""Seconds of CPU one callback may take with 2,000 actions: of the machine's time it may be much more, which is
nobody's fault. What took longer: telling the log of 2,000 conditions one by one, collecting a new book's
garbage, an explanation told at once."""


def test_no_callback_takes_long_while_everything_is_asked(tmp_path: Path) -> None:
    seen = seen_under_load("times", 2_000, tmp_path)
    assert {what: took for what, took in seen.items() if took > LONGEST} == {}


def test_no_callback_may_wait(tmp_path: Path) -> None:
    assert seen_under_load("calls", 200, tmp_path) == {}
