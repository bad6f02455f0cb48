"""The demo while it goes on: a live screen at a terminal, a line now and then anywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.demo.arms import Arm
from engine.demo.ledger import Ledger

COLOURS: Final[Mapping[Arm, str]] = {
    Arm.LEARNED: "green",
    Arm.RULES_ONLY: "yellow",
    Arm.RANDOM: "bright_black",
}
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_POINTS: Final = 40
_LINE_EVERY: Final = 5.0


@dataclass(slots=True)
class _Courses:
    """How the arms' recent accept rates went, a point for each fortieth of the time."""

    seconds: float
    rates: dict[Arm, list[float]] = field(default_factory=lambda: {arm: [] for arm in Arm})

    def note(self, ledger: Ledger, elapsed: float) -> None:
        if elapsed >= len(self.rates[Arm.LEARNED]) * self.seconds / _POINTS:
            for arm in Arm:
                self.rates[arm].append(ledger.recent_accept_rate(arm))

    def drawn(self, arm: Arm) -> str:
        highest = max((rate for rates in self.rates.values() for rate in rates), default=0.0)
        return sparkline(self.rates[arm], highest)


class LiveScreen:
    """Redraws one table in place. A context manager: the terminal is its old self afterwards."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._courses = _Courses(seconds)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Shows one line until the traffic begins."""
        self._live.update(Text(f"{line} …"), refresh=True)

    def show(self, ledger: Ledger, elapsed: float) -> None:
        """Draws where things stand."""
        self._courses.note(ledger, elapsed)
        self._live.update(_drawn(ledger, self._courses, elapsed), refresh=True)


class PlainScreen:
    """Writes a line every five seconds."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._seconds = seconds
        self._next = _LINE_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""

    def say(self, line: str) -> None:
        """Writes the line."""
        self._console.print(line)

    def show(self, ledger: Ledger, elapsed: float) -> None:
        """Writes where things stand, if the last line is five seconds old."""
        if elapsed < self._next:
            return
        self._next += _LINE_EVERY
        arms = ", ".join(
            f"{arm.label.lower()} {ledger.recent_accept_rate(arm):.1%}"
            f" €{ledger.value_per_decision(arm).estimate:.2f}"
            for arm in Arm
        )
        self._console.print(
            f"{min(elapsed, self._seconds):3.0f} s  {ledger.decisions:6,} decisions  lately accepted: {arms}"
        )


def screen_for(console: Console, seconds: float) -> LiveScreen | PlainScreen:
    """The live screen at a terminal, the plain one elsewhere."""
    return (LiveScreen if console.is_terminal else PlainScreen)(console, seconds)


def sparkline(values: list[float], highest: float) -> str:
    """Values from 0 to `highest` as a row of blocks.

    >>> sparkline([0.0, 0.5, 1.0], 1.0)
    '▁▅█'
    """
    top = len(_BLOCKS) - 1
    return "".join(
        _BLOCKS[min(round(value / highest * top + 0.01), top)] if highest > 0 else _BLOCKS[0]
        for value in values
    )


def _drawn(ledger: Ledger, courses: _Courses, elapsed: float) -> RenderableType:
    table = Table(title="Who chooses, and what customers make of it", title_justify="left")
    table.add_column("Chosen by")
    for column in ("Decisions", "Accepted, lately", "Accepted, overall", "€ per decision"):
        table.add_column(column, justify="right")
    table.add_column("Accepted over time", min_width=_POINTS)
    for arm in Arm:
        table.add_row(
            arm.label,
            f"{ledger.decided(arm):,}",
            f"{ledger.recent_accept_rate(arm):.1%}",
            f"{ledger.accept_rate(arm).estimate:.1%}",
            f"{ledger.value_per_decision(arm).estimate:.2f}",
            courses.drawn(arm),
            style=COLOURS[arm],
        )
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(courses.seconds, min(elapsed, courses.seconds), width=60),
        f"{min(elapsed, courses.seconds):.0f} of {courses.seconds:.0f} s",
    )
    return Group(table, Text(pulse(ledger, elapsed)), bar)


def pulse(ledger: Ledger, elapsed: float) -> str:
    """Latency, degraded share and pace in one line."""
    waited = ledger.latency()
    return (
        f"Decision latency p50 {waited.p50:.1f} ms, p95 {waited.p95:.1f} ms, p99 {waited.p99:.1f} ms"
        f" · degraded {ledger.degraded_share:.2%}"
        f" · {ledger.decisions / elapsed if elapsed > 0 else 0:,.0f} decisions/s"
    )
