"""`attune backtest … --treatment`: what a randomised campaign teaches about whom to treat."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import typer

from engine.cli.progress import steps
from engine.errors import InvalidInput, Violation

if TYPE_CHECKING:  # numpy loads when the command runs, not with every --help
    import polars as pl

    from engine.uplift.backtest import UpliftReport
    from engine.uplift.bootstrap import Interval
    from engine.uplift.contest import Policy


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked about a campaign, as it was written."""

    target: str
    treatment: str
    control: str | None
    drop: list[str]
    value: float
    cost: float


def run(
    table: "pl.DataFrame", test: "tuple[Path, pl.DataFrame] | None", asked: Asked, *, as_json: bool
) -> None:
    """Learns, judges and prints; progress goes to the terminal, if there is one."""
    from engine.uplift.backtest import backtest_uplift, work
    from engine.uplift.campaign import campaign, held_out
    from engine.uplift.earnings import Prices

    if not 0 < asked.value < math.inf:
        raise InvalidInput([Violation("--value", f"{asked.value:g} is no amount above 0")])
    if not 0 <= asked.cost < math.inf:
        raise InvalidInput([Violation("--cost", f"{asked.cost:g} is no amount of 0 or more")])
    learned = campaign(table, asked.target, asked.treatment, control=asked.control, drop=asked.drop)
    others = held_out(learned, test[1], str(test[0])) if test else None
    with steps("learning uplift", work(learned, others)) as advance:
        report = backtest_uplift(learned, others, Prices(asked.value, asked.cost), advance)
    typer.echo(orjson.dumps(report.to_dict()).decode() if as_json else "\n".join(_lines(report)))


def _lines(report: "UpliftReport") -> Iterator[str]:
    found = report.contest
    judged = "each judged by models that did not learn from it" if report.cross_fitted else ""
    judged = judged or f"judged on {report.held_out:,} others"
    yield f"{report.learned:,} customers, {len(report.features)} features, learned in one pass, {judged}"
    yield ""
    yield f"  treated        {report.treated:>9,} customers  {report.treated_rate:8.4f} successes each"
    yield f"  left alone     {report.control:>9,} customers  {report.control_rate:8.4f} successes each"
    yield f"  effect         {_interval(found.effect, 5)}"
    yield ""
    yield "                 by uplift                       by response                     random"
    yield _row("Qini", found.uplift.qini, found.response.qini, "0")
    yield _row(
        "AUUC", found.uplift.auuc, found.response.auuc, _interval(found.random_auuc, 5).strip()
    )
    yield f"  uplift above response in Qini: {_interval(found.qini_over_response, 5).strip()}"
    yield ""
    prices = report.prices
    yield (
        f"  Treat whom uplift brings more than {prices.break_even:.4g} successes each"
        f" (value {prices.value:g}, cost {prices.cost:g})"
    )
    yield "                      share   treated   control      IRR          NIR   balanced NIR"
    yield _policy("by uplift", found.treat_uplift)
    yield _policy("by response", found.treat_response)
    yield _policy("everybody", found.treat_everybody)
    yield f"  random, as many{'':>55}{found.random_nir.estimate:12,.2f}"
    yield f"  IRR by uplift  {_interval(found.treat_uplift.irr, 5)}"
    yield f"  NIR by uplift  {_interval(found.treat_uplift.nir_balanced, 2)} (balanced)"
    if report.matters:
        yield ""
        named = ", ".join(f"{' × '.join(names)} {chance:.0%}" for names, chance in report.matters)
        yield f"  Treating may work differently by: {named}"
    for paragraph in (report.conclusions, report.remarks):
        if paragraph:
            yield ""
            yield from paragraph
    yield ""
    yield "In brackets 95 % intervals. NIR compares the arms as they are; balanced NIR scales control to the treated."


def _row(name: str, uplift: "Interval", response: "Interval", random: str) -> str:
    return f"  {name:<13}{_interval(uplift, 5)}   {_interval(response, 5)}   {random}"


def _policy(name: str, policy: "Policy") -> str:
    brought = policy.earnings
    return (
        f"  {name:<16} {brought.share:8.1%} {brought.treated:9,.0f} {brought.control:9,.0f}"
        f" {brought.irr:8.4f} {brought.nir:12,.2f}   {brought.nir_balanced:12,.2f}"
    )


def _interval(interval: "Interval", places: int) -> str:
    low, high = f"{interval.low:,.{places}f}", f"{interval.high:,.{places}f}"
    return f"{interval.estimate:9,.{places}f} [{low}, {high}]"
