"""Telling: how a challenger stands, for people."""

from collections.abc import Iterator
from typing import Final

from engine.challenger.comparing import Comparison, Taken
from engine.challenger.plan import Part, Plan
from engine.challenger.shadowing import Missed
from engine.challenger.status import Status
from engine.eligibility import show_moment
from engine.evaluation.evaluate import Evaluation
from engine.experiments.telling import table_of

MOST: Final = 10
"""Actions told one by one."""

_WHY: Final = {
    Missed.SHED: "as callers came first",
    Missed.OVERTAKEN: "as something was heard of the customer meanwhile",
    Missed.FAILED: "as the challenger failed: see the service's log",
}


def told(status: Status) -> str:
    """What holds, what is wrong, and what shadows and customers say."""
    plan = status.plan
    if plan is None:
        return "There is no challenger. Begin with: attune challenger start DIR --name NAME"
    lines = [_part(plan)]
    lines += [f"ALARM, not by its latest files: {why}" for why in status.refused]
    if status.refused:
        lines.append(
            "The last good ones decide until the service starts anew; then the champion does."
        )
    if plan.part is not Part.REPLACED:
        lines += [f"It lacks {name}: there the champion decides." for name in status.lacking]
    if status.shadows is not None:
        lines += ["", *_shadows(status.shadows)]
    elif plan.part is Part.SHADOW:
        lines.append("No shadows yet.")
    if status.trial is not None:
        lines += ["", *table_of(status.trial), "  (The usual are the champion's customers.)"]
    return "\n".join(lines)


def _part(plan: Plan) -> str:
    since = f"since {show_moment(plan.since)}, by {plan.rules}"
    match plan.part:
        case Part.SHADOW:
            return f"{plan.name} decides {plan.sample * 100:.3g} % of decisions once more, unseen, {since}."
        case Part.SHARE:
            return f"{plan.name} decides for {plan.share * 100:.3g} % of customers, {since}."
        case Part.REPLACED:
            return f"{plan.name} decides for everybody, {since}."


def _shadows(found: Comparison) -> Iterator[str]:
    yield f"{found.shadows:,} decisions compared with what it would have answered."
    for why, number in found.left_out.items():
        yield f"  {number:,} {why} are left out."
    for missed, number in found.missed.items():
        yield f"  {number:,} more have no shadow, {_WHY[missed]}."
    if not found.shadows:
        return
    share = found.agreed / found.placements
    yield f"The same first offer, or none, in {share:.1%} of {found.placements:,} placements."
    if found.silenced:
        yield f"  {found.silenced:,} that showed an offer would show none."
    if found.awakened:
        yield f"  {found.awakened:,} that showed none would show one."
    yield from _figures(found)
    yield from _offers(found)
    yield from _worth(found)


def _figures(found: Comparison) -> Iterator[str]:
    yield f"{'':<34}{'champion':>12}{'challenger':>12}"
    if found.champion and found.challenger:
        for name in found.champion._fields:
            ours, theirs = getattr(found.champion, name), getattr(found.challenger, name)
            yield f"  {f'{name} of first offers, mean':<32}{ours:>12.4g}{theirs:>12.4g}"
    if found.champion_took and found.challenger_took:
        for name in Taken._fields:
            ours, theirs = getattr(found.champion_took, name), getattr(found.challenger_took, name)
            yield f"  {f'time to decide, {name}, ms':<32}{ours:>12.3f}{theirs:>12.3f}"


def _offers(found: Comparison) -> Iterator[str]:
    changed = [offered for offered in found.offers if offered.champion != offered.challenger]
    if not changed:
        yield "Every action would be offered as often."
        return
    yield f"{'Offers by action':<34}{'champion':>12}{'challenger':>12}"
    for action, ours, theirs in changed[:MOST]:
        said = "   new" if not ours else "   gone" if not theirs else ""
        yield f"  {action:<32}{ours:>12,}{theirs:>12,}{said}"
    if len(changed) > MOST:
        yield f"  and {len(changed) - MOST:,} more, which change less"


def _worth(found: Comparison) -> Iterator[str]:
    if found.acceptance is None or found.value is None:
        yield "What it would earn cannot be told: no offer compared was seen by anybody yet."
        return
    if found.acceptance.refusals:
        why = "; ".join(found.acceptance.refusals)
        yield f"What it would earn cannot be told from {found.acceptance.choices:,} offers seen: {why}."
        return
    yield _sentence("Acceptance", found.acceptance, 100.0, " %")
    yield _sentence("Value a first offer", found.value, 1.0, "")


def _sentence(what: str, found: Evaluation, scale: float, unit: str) -> str:
    estimate, difference = found.headline, found.difference
    low, high = (bound * scale for bound in estimate.bootstrap)
    least, most = (bound * scale for bound in difference.interval)
    return (
        f"{what}, estimated from {found.choices:,} offers seen: {estimate.value * scale:.4g}{unit}"
        f" ({low:.4g} to {high:.4g}), the champion's {found.before.value * scale:.4g}{unit}:"
        f" {difference.verdict} ({least:+.4g} to {most:+.4g})."
    )
