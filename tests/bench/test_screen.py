"""What people see of a run: while it goes on, and at its end."""

import io

from rich.console import Console

from engine.bench.compare import changes, unlike
from engine.bench.run import Course
from engine.bench.screen import LiveScreen, PlainScreen, screen_for, tell, tell_changes
from tests.bench.test_report import reported
from tests.bench.test_run import plan
from tests.bench.test_slo import tally


def console(terminal: bool = False) -> tuple[Console, io.StringIO]:
    into = io.StringIO()
    return Console(file=into, force_terminal=terminal, width=160, no_color=True), into


def test_a_terminal_shows_the_last_second_beside_the_whole() -> None:
    to, into = console(terminal=True)
    course = Course(total=tally(90, 10), lately=tally(5, 0))
    with screen_for(to, plan("127.0.0.1:1", seconds=10.0)) as screen:
        assert isinstance(screen, LiveScreen)
        screen.show(course, -1.5)
        screen.show(course, 4.0)
    shown = into.getvalue()
    assert "warming up, 2 s more" in shown
    assert "last second" in shown
    assert "4 of 10 s" in shown
    assert "never" in shown  # one in ten was not answered


def test_elsewhere_a_line_is_written_every_five_seconds() -> None:
    to, into = console()
    with screen_for(to, plan("127.0.0.1:1", seconds=60.0)) as screen:
        assert isinstance(screen, PlainScreen)
        for elapsed in range(12):
            screen.show(Course(total=tally(100, 0)), float(elapsed))
    lines = into.getvalue().splitlines()
    assert [line.split()[:3] for line in lines] == [["5", "s", "100"], ["10", "s", "100"]]


def test_what_went_wrong_is_said_line_by_line() -> None:
    to, into = console()
    tell(reported(90, 10, 0.010), to)
    said = into.getvalue()
    assert "100 questions, 90 answered (60/s), 0 of them degraded" in said
    assert "not answered well: Decide UNAVAILABLE, 10 times" in said
    assert "SLO p50 ≤ 20.00 ms: 10.01 ms, kept" in said
    assert "SLO errors ≤ 5.000%: 10.000%, MISSED" in said
    assert "could not keep up" not in said


def test_a_run_beside_an_earlier_one_says_what_was_not_alike() -> None:
    to, into = console()
    earlier, now = reported(90, 0, 0.010), reported(90, 0, 0.020, rate=50.0)
    tell_changes(changes(earlier, now), unlike(earlier, now), to)
    assert "not alike: rate was 100.0, is 50.0" in into.getvalue()
    assert "2.00" in into.getvalue()
