"""Tables: the profile and its bounds, on the terminal and as Markdown."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.profile.bounds import Bound
from benchmarks.profile.cost import Cost
from benchmarks.profile.threads import UNNAMED
from engine.stages import STAGES

_NAMES: Final = {"echo": "echo", "decide": "Decide", "stream": "DecideStream"}
_WORTH_A_LINE: Final = 2.0
_LONGEST_WORD: Final = len(" DecideStream, ")
_DEEP: Final = "\N{NO-BREAK SPACE}" * 4

Row = tuple[str, list[str]]


class Told(NamedTuple):
    """A table: its title, its columns, the first of which is for words, and its rows."""

    title: str
    columns: list[str]
    rows: list[Row]


def profile(title: str, costs: Sequence[Cost]) -> Told:
    """What a question costs, a column for each way."""
    at_once = {_at_once(one) for one in costs}
    if len(at_once) == 1:
        title, columns = f"{title}, {at_once.pop()}", [_NAMES[one.way] for one in costs]
    else:
        columns = [f"{_NAMES[one.way]}, {_at_once(one)}" for one in costs]

    alone = [one.p50 if one.under_way == 1 else None for one in costs]
    share = [100 * one.loop / p50 if p50 else None for one, p50 in zip(costs, alone, strict=True)]
    named = _worth_a_line(costs)
    rows = [
        _row("the server's processor time", (one.processor for one in costs)),
        _row(f"{_DEEP}of it the kernel's", (one.in_kernel for one in costs)),
        _row("the loop's thread", (one.loop for one in costs)),
        _row(f"{_DEEP}of it the kernel's", (one.loop_in_kernel for one in costs)),
        *(_row(f"{_DEEP}{stage}", (_apart(one).get(stage) for one in costs)) for stage in STAGES),
        _row(
            f"{_DEEP}the rest: transport, loop, system calls, the log's bytes",
            (one.rest for one in costs),
        ),
        *(_row(f"the thread “{name}”", (one.threads.get(name) for one in costs)) for name in named),
        _row("all other threads", (_besides(one, named) for one in costs)),
        _row("the loop waited for a processor", (one.queued for one in costs)),
        _row("the loop went to sleep, times", (one.loop_waits for one in costs), 2),
        _row("other threads went to sleep, times", (one.other_waits for one in costs), 2),
        _row("the client's processor time", (one.client for one in costs)),
        _row("p50 of the client's wait", alone),
        _row(f"{_DEEP}the loop's thread as a share, %", share, 0),
    ]
    return Told(title, ["µs a question", *columns], rows)


def _row(what: str, figures: Iterable[float | None], digits: int = 1) -> Row:
    told = ["" if it is None else f"{round(it, digits) + 0.0:,.{digits}f}" for it in figures]
    return what, told


def _besides(one: Cost, named: Sequence[str]) -> float:
    return one.processor - one.loop - sum(one.threads.get(name, 0.0) for name in named)


def _at_once(one: Cost) -> str:
    return "one at a time" if one.under_way == 1 else f"{one.under_way} at a time"


def _apart(one: Cost) -> dict[str, float]:
    """The stages that can be told from the rest."""
    return {stage: took for stage, took in one.stages.items() if stage not in one.overlaps}


def _worth_a_line(costs: Sequence[Cost]) -> list[str]:
    """The service's threads that cost something, those that cost most first."""
    most: dict[str, float] = {}
    for one in costs:
        if one.stages:
            for name, took in one.threads.items():
                most[name] = max(most.get(name, 0.0), took)
    most.pop(UNNAMED, None)
    return sorted((n for n, took in most.items() if took >= _WORTH_A_LINE), key=lambda n: -most[n])


def limits(found: Sequence[Bound]) -> Told:
    """What limits each target."""
    columns = [
        "target", "measured", "deciding free", "no log written", "deciding takes", "may take", "so",
    ]  # fmt: skip
    rows = [
        (
            f"{one.what} {one.promised}",
            [
                f"{one.measured:.2f} ×",
                f"{one.free:.2f} ×",
                "" if one.unlogged is None else f"{one.unlogged:.2f} ×",
                f"{one.takes:.0f} µs",
                f"{one.may_take:.0f} µs",
                one.verdict,
            ],
        )
        for one in found
    ]
    return Told("what limits each target", columns, rows)


def drawn(told: Told) -> Table:
    """The table for a terminal, of 80 columns if need be."""
    table = Table(title=told.title, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True)
    first, *others = told.columns
    table.add_column(first, min_width=_LONGEST_WORD)
    for column in others:
        table.add_column(column.replace(" ", "\n"), justify="right")
    for what, figures in told.rows:
        table.add_row(what, *figures)
    return table


def markdown(told: Told) -> str:
    """The table as docs/performance.md has it."""
    lines = [
        f"| {' | '.join(told.columns)} |",
        f"|---|{'---:|' * (len(told.columns) - 1)}",
        *(f"| {' | '.join([what, *figures])} |" for what, figures in told.rows),
    ]
    return "\n".join(lines) + "\n"
