"""Telling: the results of trials for people."""

from collections.abc import Iterator

from engine.experiments.counting import USUAL
from engine.experiments.results import Measure, Outcome, Result, Results
from engine.rulebook.trial import Arm

_COLUMNS = (
    "",
    "customers",
    "decisions",
    "offered",
    "accepted per 100 decisions",
    "value per customer",
)


def told(results: Results) -> str:
    """A table for each trial, what it says, and what is wrong with it."""
    lines = [f"{results.decisions:,} decisions"]
    if results.strange:
        lines.append(
            f"{results.strange:,} more name holdouts or experiments this rule book does not have"
            " and are left aside"
        )
    for result in results.trials:
        lines += ["", *table_of(result)]
    return "\n".join(lines)


def sentences(result: Result) -> tuple[str, ...]:
    """What a trial says: a warning alone where the lots did not fall as they should."""
    if result.mismatch.alarm:
        return (_warning(result),)
    measured = (
        sentence
        for outcome in result.outcomes
        if outcome.name != USUAL
        for sentence in _sentences(outcome, result.event)
    )
    return tuple(measured)


def table_of(result: Result) -> Iterator[str]:
    """One trial: its name, a line for each group, and what it says."""
    yield result.name
    columns = (*_COLUMNS, f"% with {result.event}") if result.event else _COLUMNS
    rows = [columns, *(_row(outcome) for outcome in result.outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield f"  {first.ljust(widths[0])}  {'  '.join(cells)}".rstrip()
    yield from (f"  {sentence}" for sentence in sentences(result))


def _row(outcome: Outcome) -> tuple[str, ...]:
    counts = (outcome.customers, outcome.decisions, outcome.offered)
    measured = [_figure(outcome.acceptance, 100), _figure(outcome.value, 1)]
    if outcome.reached is not None:
        measured.append(_figure(outcome.reached, 100))
    return (outcome.name, *(f"{count:,}" for count in counts), *measured)


def _figure(measure: Measure, scale: float) -> str:
    ratio = measure.ratio
    if ratio.customers < 2:
        return "too few"
    low, high = ratio.interval
    return f"{ratio.estimate * scale:.2f} ({low * scale:.2f} to {high * scale:.2f})"


def _sentences(outcome: Outcome, event: str) -> Iterator[str]:
    arms = {str(arm): arm for arm in Arm}
    what = f" ({arms[outcome.name].text})" if outcome.name in arms else ""
    measures = [("acceptance", outcome.acceptance), ("value per customer", outcome.value)]
    if outcome.reached is not None:
        measures.append((f"customers with {event}", outcome.reached))
    parts = [f"{name} {_lift(measure)}" for name, measure in measures]
    yield f"The usual against {outcome.name}{what}: {'; '.join(parts)}."


def _lift(measure: Measure) -> str:
    lift = measure.lift
    if lift is None:
        return "cannot be compared yet, too few"
    clear = "" if lift.low > 0 or lift.high < 0 else ", no clear difference"
    if measure.relative is None:
        return f"{lift.difference:+.3g} ({lift.low:+.3g} to {lift.high:+.3g}){clear}"
    relative, low, high = (share * 100 for share in measure.relative)
    return f"{relative:+.1f} % ({low:+.1f} to {high:+.1f}){clear}"


def _warning(result: Result) -> str:
    counted = ", ".join(
        f"{outcome.name} {outcome.customers:,} (expected {expected:,.0f})"
        for outcome, expected in zip(result.outcomes, result.mismatch.expected, strict=True)
    )
    return (
        f"ALARM, sample-ratio mismatch: {counted}; p = {result.mismatch.p:.2g}. Conclude nothing from"
        " this trial until you know why. Were shares or the salt changed? Then count from that time"
        " on, with --since. Is part of the traffic missing from the log? Or does one group come back"
        " less often? Then compare what it does, not what it takes up: --event."
    )
