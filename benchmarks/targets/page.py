"""The page: the table and its pictures as one HTML file that needs nothing else."""

import html
import io
from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.contest import Timed
from benchmarks.targets.stages import Stage
from benchmarks.targets.target import Outcome
from benchmarks.targets.wire import Samples

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { padding: .3em .6em; text-align: left }
tr { border-bottom: 1px solid #ddd } .pass { color: #176f2c } .short { color: #a40e26; font-weight: bold }
svg { max-width: 100%; height: auto } small { color: #666 }
"""


def page(
    outcomes: Sequence[Outcome],
    samples: dict[str, Samples],
    stages: Sequence[Stage],
    contests: Sequence[Timed],
    machine: str,
) -> str:
    """The whole file. Without matplotlib (the extra `plots`) there are no pictures, and it says so."""
    rows = "".join(map(_row, outcomes))
    head = "<tr><th>what</th><th>target</th><th>measured</th><th></th></tr>"
    pictures = _pictures(samples, stages, contests)
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Attune: how fast</title>"
        f"<style>{_STYLE}</style><h1>How fast Attune is</h1><p>{html.escape(machine)}</p>"
        f"<table>{head}{rows}</table>{pictures}</html>\n"
    )


def _row(one: Outcome) -> str:
    what = html.escape(one.what)
    if one.remark:
        what += f"<br><small>{html.escape(one.remark)}</small>"
    cells = (
        f"<td>{what}</td><td>{html.escape(one.promised)}</td><td>{html.escape(one.measured)}</td>"
    )
    return f"<tr>{cells}<td class='{one.verdict}'>{one.verdict}</td></tr>"


def _pictures(
    samples: dict[str, Samples], stages: Sequence[Stage], contests: Sequence[Timed]
) -> str:
    try:
        plots: Any = import_module("matplotlib.figure")
    except ModuleNotFoundError:
        return "<p>Pictures need matplotlib: pip install 'attune[plots]'.</p>"
    figures = (
        ("How long callers waited", _latencies(plots.Figure(figsize=(9, 4)), samples)),
        ("Cost against the number of actions", _sizes(plots.Figure(figsize=(9, 5)), stages)),
        ("Others at the identical work", _peers(plots.Figure(figsize=(9, 5)), contests)),
    )
    return "".join(f"<h2>{title}</h2>{_svg(figure)}" for title, figure in figures)


def _svg(figure: Any) -> str:
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]


def _latencies(figure: Any, samples: dict[str, Samples]) -> Any:
    axes = figure.subplots()
    for way, found in samples.items():
        milliseconds = sorted(seconds * 1e3 for seconds in found.every)
        shown = milliseconds[: int(len(milliseconds) * 0.995)]
        axes.hist(shown, bins=120, histtype="step", density=True, label=way)
    axes.set(xlabel="ms, one question at a time", ylabel="density", xlim=(0, None))
    axes.legend()
    return figure


def _sizes(figure: Any, stages: Sequence[Stage]) -> Any:
    axes, lines = figure.subplots(), defaultdict[str, list[tuple[int, float]]](list)
    for stage in stages:
        name, _, case = stage.name.rstrip("]").partition("[")
        sizes = [part for part in case.split("-") if part.endswith(" actions")]
        ways = [part for part in case.split("-") if part not in sizes]
        if sizes:
            actions = int(sizes[0].removesuffix(" actions"))
            lines[", ".join([name.replace("_", " "), *ways])].append((actions, stage.seconds * 1e6))
    colours = import_module("matplotlib").colormaps["tab20"].colors
    axes.set_prop_cycle(color=colours)
    for name, points in sorted(lines.items()):
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="actions", ylabel="µs, hot")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _peers(figure: Any, contests: Sequence[Timed]) -> Any:
    axes = figure.subplots()
    told = [one for one in reversed(contests) if one.ratio > 0]
    places = range(len(told))
    axes.barh(places, [one.ratio for one in told])
    axes.set_yticks(places, [f"{one.peer}: {one.work[:40]}" for one in told], fontsize="x-small")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times as long as Attune takes")
    return figure
