"""What the demo showed, for people and for programs."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.explained import show
from engine.demo.arms import Arm
from engine.demo.explained import Explained
from engine.demo.ledger import Ledger
from engine.demo.screen import COLOURS, pulse
from engine.lift import Lift

_OTHERS: Final = (Arm.RULES_ONLY, Arm.RANDOM)


def as_json(ledger: Ledger, seed: int, seconds: float) -> dict[str, object]:
    """The figures as one JSON object; `lift` has the learned arm's relative lead with its bounds."""
    waited = ledger.latency()
    measures = {"accept_rate": ledger.accept_rate, "value_per_decision": ledger.value_per_decision}
    return {
        **{
            name: {arm.value: round(measure(arm).estimate, 6) for arm in Arm}
            for name, measure in measures.items()
        },
        "latency_ms": {
            "p50": round(waited.p50, 3), "p95": round(waited.p95, 3), "p99": round(waited.p99, 3),
        },
        "degraded_share": round(ledger.degraded_share, 6),
        "decisions": ledger.decisions,
        "decisions_by_arm": {arm.value: ledger.decided(arm) for arm in Arm},
        "lift": {
            name: {
                other.value: _bounds(Lift.of(measure(Arm.LEARNED), measure(other)))
                for other in _OTHERS
            }
            for name, measure in measures.items()
        },
        "seed": seed,
        "seconds": seconds,
    }  # fmt: skip


def _bounds(lift: Lift) -> dict[str, object]:
    return {
        "relative": _rounded(lift.relative),
        "low": _rounded(lift.relative_low),
        "high": _rounded(lift.relative_high),
        "clear": lift.clear,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def tell(ledger: Ledger, stories: Sequence[Explained], seconds: float, console: Console) -> None:
    """Prints the explained decisions, and last, so that it stays in sight, who won by how much."""
    for number, story in enumerate(stories, 1):
        _tell_story(number, story, console)
    console.rule("What it came to")
    console.print(_table(ledger))
    console.print(Text(pulse(ledger, seconds)))
    console.print()
    for line in verdicts(ledger):
        console.print(line)


def verdicts(ledger: Ledger) -> list[Text]:
    """A sentence for each measure and each arm that the learned one is held against."""
    lines = []
    for what, measure, unit in (
        ("Offers accepted", ledger.accept_rate, "{:.1%}"),
        ("Money earned per decision", ledger.value_per_decision, "€{:.2f}"),
    ):
        for other in _OTHERS:
            test, control = measure(Arm.LEARNED), measure(other)
            lift = Lift.of(test, control)
            style = "bold green" if lift.clear else "bold yellow"
            lines.append(
                Text.assemble(
                    f"{what}: learned {unit.format(test.estimate)}, {other.label.lower()}"
                    f" {unit.format(control.estimate)}: ",
                    (verdict(lift), style),
                )
            )
    return lines


def verdict(lift: Lift) -> str:
    """By how much the learned arm is ahead, and whether that is clear.

    >>> verdict(Lift(0.05, 0.02, 0.08, 0.5, 0.2, 0.8))
    '+50% (95% interval +20% to +80%). That is clear.'
    """
    if lift.relative is None or lift.relative_low is None or lift.relative_high is None:
        return "the other arm has nothing yet to be compared with."
    if lift.clear:
        end = "That is clear."
    elif lift.high < 0:
        end = "That is clearly less."
    else:
        end = "That could still be chance: let it run longer."
    bounds = f"95% interval {lift.relative_low:+.0%} to {lift.relative_high:+.0%}"
    return f"{lift.relative:+.0%} ({bounds}). {end}"


def _table(ledger: Ledger) -> Table:
    table = Table(
        title="The same customers, the same rules, three ways to choose", title_justify="left"
    )
    table.add_column("Chosen by")
    for column in ("Decisions", "Offers accepted", "€ per decision"):
        table.add_column(column, justify="right")
    for arm in Arm:
        table.add_row(
            arm.label,
            f"{ledger.decided(arm):,}",
            f"{ledger.accept_rate(arm).estimate:.1%}",
            f"{ledger.value_per_decision(arm).estimate:.2f}",
            style=COLOURS[arm],
        )
    return table


def _tell_story(number: int, story: Explained, console: Console) -> None:
    console.rule(f"Decision {number} explained: customer {story.customer_id}")
    console.print(story.who)
    show(story.response, story.customer_id, console)
    shown = story.response.placements[0].offers[0].action_id or "the fallback"
    if story.rules_alone and story.rules_alone != shown:
        console.print(f"Rules alone would have shown {story.rules_alone}; the model chose {shown}.")
    if story.left_out:
        console.print(
            f"{story.left_out} more were kept out by rules (attune decide … --explain lists all)."
        )
    console.print()
