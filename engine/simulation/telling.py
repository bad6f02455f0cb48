"""Telling: a simulation as sentences and two tables, for marketing."""

from collections.abc import Callable, Iterator

from engine.eligibility import show_moment
from engine.evaluation.evaluate import Evaluation
from engine.rulebook.cap import Period
from engine.simulation.outlook import Segment
from engine.simulation.simulate import Simulation

MOST_LINES = 10

_MARGIN = 0.01
_SPANS = {
    Period.DAY: "that day",
    Period.WEEK: "that week",
    Period.MONTH: "that month",
    Period.TOTAL: "in total",
}


def told(simulation: Simulation, before: str = "today") -> str:
    """What would be earned, how much of what would be offered, and who gains and loses.

    `before` names what the new book is compared with.
    """
    return "\n".join(
        [
            f"{simulation.decisions:,} decisions were made again;"
            f" {simulation.acceptance.choices:,} first offers that were seen say what they would earn.",
            "",
            *sentences(simulation, before),
            "",
            *_volumes(simulation, before),
            "",
            *_segments(simulation, before),
            *_silence(simulation),
            *_caps(simulation),
            "Everybody's history is as it was: what they would have taken before does not carry on.",
        ]
    )


def sentences(simulation: Simulation, before: str = "today") -> tuple[str, ...]:
    """The expected acceptance and value with their intervals; or why they cannot be told."""
    refusals = simulation.acceptance.refusals
    if refusals:
        why = "; ".join(refusals)
        return (f"The log cannot tell what this rule book would earn: {why}.",)
    return (
        _sentence("Acceptance", simulation.acceptance, before, _percent, _points),
        _sentence("Value a first offer", simulation.value, before, _amount, _more_or_less),
    )


def _sentence(
    what: str,
    evaluation: Evaluation,
    before: str,
    shown: Callable[[float], str],
    by: Callable[[float], str],
) -> str:
    estimate, difference = evaluation.headline, evaluation.difference
    (low, high), (least, most) = estimate.bootstrap, difference.interval
    return (
        f"{what}: {shown(estimate.value)} ({shown(low)} to {shown(high)}),"
        f" {before} {shown(evaluation.before.value)}: {difference.verdict}"
        f" ({by(difference.value)}, {by(least)} to {by(most)})."
    )


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _points(share: float) -> str:
    return f"{share * 100:+.2f} points"


def _amount(value: float) -> str:
    return f"{value:.4g}"


def _more_or_less(value: float) -> str:
    return f"{value:+.4g}"


def _volumes(simulation: Simulation, before: str) -> Iterator[str]:
    yield f"{'Offers by action':<34}{before:>10}{'new':>10}"
    for volume in simulation.volumes[:MOST_LINES]:
        change = _change(volume.before, volume.after)
        yield f"  {volume.action_id:<32}{volume.before:>10,}{volume.after:>10,}   {change}".rstrip()
    if len(simulation.volumes) > MOST_LINES:
        yield f"  and {len(simulation.volumes) - MOST_LINES:,} more, which change less"


def _segments(simulation: Simulation, before: str) -> Iterator[str]:
    changed = [s for s in simulation.segments if abs(s.after - s.before) > _MARGIN * abs(s.before)]
    if not changed:
        yield "Nobody gains or loses 1 % of the expected value of their offers."
        return
    yield f"{'Expected value of the offers (P · V)':<44}{before:>10}{'new':>10}"
    gaining = [s for s in changed if s.after > s.before]
    losing = [s for s in changed if s.after < s.before]
    for title, group in (("gain", gaining), ("lose", losing)):
        for segment in group[: MOST_LINES // 2]:
            yield _segment(title, segment)


def _segment(title: str, segment: Segment) -> str:
    who = f"{segment.attribute} = {segment.value}"
    change = _change(segment.before, segment.after)
    return f"  {title}  {who:<36}{segment.before:>10.4g}{segment.after:>10.4g}   {change}".rstrip()


def _silence(simulation: Simulation) -> Iterator[str]:
    if simulation.silenced:
        yield f"{simulation.silenced:,} decisions that showed an offer would show none."
    if simulation.awakened:
        yield (
            f"{simulation.awakened:,} decisions that showed none would show one; what those would"
            " earn is not in the figures above."
        )


def _caps(simulation: Simulation) -> Iterator[str]:
    if not simulation.binding:
        yield "No cap or budget would be used up."
    for usage in simulation.binding[:MOST_LINES]:
        cap = usage.cap
        yield (
            f"{cap.code} would be used up at {show_moment(usage.used_up_at or usage.start)}:"
            f" {cap.shown(usage.used)} of {cap.shown(usage.limit)} ({_SPANS[cap.period]})."
        )
    if len(simulation.binding) > MOST_LINES:
        yield f"{len(simulation.binding) - MOST_LINES:,} more caps would be used up later."


def _change(before: float, after: float) -> str:
    return f"{after / before - 1.0:+.0%}" if before else "new"
