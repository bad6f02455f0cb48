"""The bench while it goes on, and at its end: percentiles at a terminal, a line now and then elsewhere."""

from collections.abc import Sequence
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.bench.compare import Change
from engine.bench.plan import Plan
from engine.bench.report import PERCENTILES, Report
from engine.bench.run import Course
from engine.bench.slo import milliseconds
from engine.bench.tally import Tally

_LINE_EVERY: Final = 5.0


class LiveScreen:
    """Redraws one table in place. A context manager: the terminal is its old self afterwards."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._plan = plan
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, course: Course, elapsed: float) -> None:
        """Draws where things stand."""
        self._live.update(_drawn(course, elapsed, self._plan.seconds), refresh=True)


class PlainScreen:
    """Writes a line every five seconds."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._seconds = plan.seconds
        self._next = _LINE_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""

    def show(self, course: Course, elapsed: float) -> None:
        """Writes where things stand, if the last line is five seconds old."""
        if elapsed < self._next:
            return
        self._next += _LINE_EVERY
        told = ", ".join(f"p{p:g} {milliseconds(course.total.at(p))}" for p in PERCENTILES)
        self._console.print(
            f"{min(elapsed, self._seconds):4.0f} s  {course.total.asked:8,} asked"
            f"  {course.total.unanswered:,} not answered  {told}",
            highlight=False,
            soft_wrap=True,
        )


def screen_for(console: Console, plan: Plan) -> LiveScreen | PlainScreen:
    """The live screen at a terminal, the plain one elsewhere."""
    return (LiveScreen if console.is_terminal else PlainScreen)(console, plan)


def _drawn(course: Course, elapsed: float, seconds: float) -> RenderableType:
    table = Table(title="How long customers waited", title_justify="left")
    table.add_column("")
    for column in ("asked", "not answered", "degraded", *(f"p{p:g}" for p in PERCENTILES), "max"):
        table.add_column(column, justify="right")
    for name, tally in (("last second", course.lately), ("so far", course.total)):
        table.add_row(name, *_cells(tally))
    if elapsed < 0:
        return Group(table, Text(f"warming up, {-elapsed:.0f} s more"))
    bar = Table.grid(padding=(0, 1))
    done = min(elapsed, seconds)
    bar.add_row(ProgressBar(seconds, done, width=60), f"{done:.0f} of {seconds:.0f} s")
    return Group(table, bar)


def _cells(tally: Tally) -> list[str]:
    waits = [milliseconds(tally.at(percent)) for percent in (*PERCENTILES, 100.0)]
    return [f"{tally.asked:,}", f"{tally.unanswered:,}", f"{tally.degraded:,}", *waits]


def tell(found: Report, console: Console) -> None:
    """Writes what a run came to."""
    table = Table(title="Latency from the moment a customer meant to come", title_justify="left")
    table.add_column("ms")
    for name in found.latency_ms:
        table.add_column(name, justify="right")
    rows = [("good answers", found.latency_ms)]
    if found.recorded:
        rows.append(("responses kept", found.record_latency_ms))
    rows.append(("of it: sent late", found.late_ms))
    for name, figures in rows:
        table.add_row(name, *(f"{figures[column]:,.3f}" for column in found.latency_ms))
    console.print(table)
    console.print(_counted(found), highlight=False, soft_wrap=True)
    for what, times in sorted(found.failures.items()):
        console.print(
            f"not answered well: {what}, {times:,} times",
            style="red",
            highlight=False,
            soft_wrap=True,
        )
    for step, times in sorted(found.degraded_steps.items()):
        console.print(
            f"left out: {step}, {times:,} times", style="yellow", highlight=False, soft_wrap=True
        )
    if found.answered and found.fallbacks == found.placed:
        console.print(
            "Every placement got its fallback: it may be that nobody who asked is known to the service;"
            " --customers FILE names those who are.",
            style="yellow", highlight=False, soft_wrap=True,
        )  # fmt: skip
    if not found.kept_up:
        console.print(
            f"The generator could not keep up (p99 {found.late_ms['p99']:,.1f} ms late, the busiest client"
            f" process {found.busy:.0%} of a CPU): part of what was measured is its own. Give it"
            " --processes, or another machine that nothing else keeps busy.",
            style="yellow", highlight=False, soft_wrap=True,
        )  # fmt: skip
    for verdict in found.slo:
        kept = "kept" if verdict["kept"] else "MISSED"
        console.print(
            f"SLO {verdict['name']} ≤ {verdict['limit']}: {verdict['measured']}, {kept}",
            style="green" if verdict["kept"] else "bold red", highlight=False, soft_wrap=True,
        )  # fmt: skip


def _counted(found: Report) -> str:
    return (
        f"{found.asked:,} questions, {found.answered:,} answered ({found.rate:,.0f}/s),"
        f" {found.degraded:,} of them degraded, {found.fallbacks:,} fallbacks;"
        f" {found.recorded:,} responses kept"
    )


def tell_changes(found: Sequence[Change], unlike: Sequence[str], console: Console) -> None:
    """Writes a run beside an earlier one."""
    table = Table(title="Beside the earlier run", title_justify="left")
    table.add_column("")
    for column in ("earlier", "now", "now / earlier"):
        table.add_column(column, justify="right")
    for change in found:
        ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
        table.add_row(change.name, f"{change.earlier:,.3f}", f"{change.now:,.3f}", ratio)
    console.print(table)
    for difference in unlike:
        console.print(f"not alike: {difference}", style="yellow", highlight=False, soft_wrap=True)
