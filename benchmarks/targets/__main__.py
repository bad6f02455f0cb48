"""Every target of speed, measured in one run: figures, pass or short, a page with pictures.

    python -m benchmarks.targets [--quick] [--into bench-report] [--benchmark-compare EARLIER]
        [--format json]

Takes under ten minutes. `EARLIER` is the `stages.json` of another run: stages are compared as ratios to
the calibration loop of their own run.
"""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.targets import stages
from benchmarks.targets.catalogue import QUICK, USUAL, Measured, measure
from benchmarks.targets.page import page
from benchmarks.targets.process import machine
from benchmarks.targets.target import Outcome

_COLOURS = {"pass": "green", "short": "bold red", "—": ""}
_BUSY = 0.5  # of its cores: beyond it the machine was not ours
_SUITE = 40  # about as many cases as the suite has


def main() -> None:
    """Measures, prints, writes."""
    asked = _arguments()
    asked.into.mkdir(parents=True, exist_ok=True)
    load = getloadavg()[0]
    on = machine()
    with _progress() as bar:

        def begin(what: str, steps: int) -> Callable[[], None]:
            for earlier in bar.tasks:
                bar.update(earlier.id, total=max(earlier.completed, 1), completed=earlier.completed)
                bar.stop_task(earlier.id)
            task = bar.add_task(what, total=steps)
            return lambda: bar.advance(task)

        found = measure(QUICK if asked.quick else USUAL, begin)
        timed = stages.run(asked.into / "stages.json", begin("stages", _SUITE))
    _write(asked.into, found, timed, on)
    if asked.format == "json":
        print(json.dumps([one.to_dict() for one in found.outcomes]))
        return
    console = Console()
    console.print(_table(found.outcomes, on))
    if load > _BUSY * (cpu_count() or 1):
        console.print(
            f"Something else kept this machine busy (load {load:.1f}): no figure here is a verdict.",
            style="yellow",
            highlight=False,
        )
    if asked.benchmark_compare:
        console.print(_comparison(asked.benchmark_compare, timed))
    console.print(
        f"written: {asked.into}/report.json, stages.json, table.md, index.html", highlight=False
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="too short to judge by; to try it out")
    parser.add_argument("--into", type=Path, default=Path("bench-report"))
    parser.add_argument("--benchmark-compare", type=Path, metavar="EARLIER")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def _write(into: Path, found: Measured, timed: list[stages.Stage], machine: str) -> None:
    written = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "targets": [one.to_dict() for one in found.outcomes],
        "stages": [stage._asdict() for stage in timed],
    }
    (into / "report.json").write_text(json.dumps(written, indent=2) + "\n")
    (into / "table.md").write_text(markdown(found.outcomes, machine))
    drawn = page(found.outcomes, found.samples, timed, found.contests, machine)
    (into / "index.html").write_text(drawn)


def markdown(outcomes: list[Outcome], machine: str) -> str:
    """The table as docs/performance.md has it."""
    lines = [f"Measured on: {machine}.", "", "| what | target | measured | |", "|---|---|---|---|"]
    for one in outcomes:
        what = f"{one.what} ({one.remark})" if one.remark else one.what
        lines.append(f"| {what} | {one.promised} | {one.measured} | {one.verdict} |")
    return "\n".join(lines) + "\n"


def _table(outcomes: list[Outcome], machine: str) -> Table:
    table = Table(title=f"Targets of speed · {machine}", title_justify="left")
    for column in ("what", "target", "measured"):
        table.add_column(column)
    table.add_column("")
    for one in outcomes:
        what = f"{one.what}\n[dim]{one.remark}[/dim]" if one.remark else one.what
        table.add_row(what, one.promised, one.measured, one.verdict, style=_COLOURS[one.verdict])
    return table


def _comparison(path: Path, now: list[stages.Stage]) -> Table:
    table = Table(title=f"Stages against {path}, in calibration loops", title_justify="left")
    table.add_column("stage")
    for column in ("µs", "loops", "now / earlier"):
        table.add_column(column, justify="right")
    for stage, ratio in stages.compared(stages.read(path), now):
        table.add_row(
            stage.name, f"{stage.seconds * 1e6:,.1f}", f"{stage.loops:.3f}", f"{ratio:.2f}"
        )
    return table


if __name__ == "__main__":
    main()
