"""Telling: what is uneven, in sentences, and what cannot be told."""

from collections.abc import Iterator, Sequence
from math import isinf
from typing import Final

from engine.fairness.fairness import Disparity, Fairness
from engine.fairness.measures import GINI, RATIO
from engine.health.limits import Severity
from engine.health.measures import Estimate

MOST_LINES: Final = 40
_DOES: Final = {"offered": "were offered", "took": "took"}


def told(fairness: Fairness) -> str:
    """What is outside the bands, the worst first, and of how much all this is told."""
    return "\n".join([*_uneven(fairness), "", *_basis(fairness)])


def sentence(one: Disparity) -> str:
    """One disparity in words."""
    if one.estimate is None:
        return f"{one.attribute}: too few to tell who {_DOES[one.measure]} {one.subject}"
    if one.is_number:
        side = "higher" if one.estimate.value > 0 else "lower"
        return (
            f"Customers with {side} {one.attribute} {_DOES[one.measure]} {one.subject} more:"
            f" Gini {one.estimate.value:+.2f} ({_interval(one.estimate)}) over {one.part.customers:,} customers"
        )
    return (
        f"{one.attribute} = {one.category}: {one.part.rate:.1%} {_DOES[one.measure]} {one.subject},"
        f" of all others {one.others.rate:.1%}: ratio {_ratio(one.estimate)}"
        f" over {one.part.customers:,} and {one.others.customers:,} customers"
    )


def _uneven(fairness: Fairness) -> Iterator[str]:
    found = [
        one
        for severity in (Severity.CRITICAL, Severity.WARNING)
        for one in fairness.disparities
        if one.severity is severity
    ]
    counts = {
        severity: sum(one.severity is severity for one in fairness.disparities)
        for severity in Severity
    }
    yield (
        f"Fairness: {len(found):,} of {len(fairness.disparities):,} comparisons are outside the bands,"
        f" {counts[Severity.GOOD]:,} inside, {counts[Severity.UNTOLD]:,} cannot be told."
    )
    told_once = _once(found)
    for one in told_once[:MOST_LINES]:
        yield f"  {one.severity:<9} {sentence(one)}"
    if len(told_once) > MOST_LINES:
        yield f"  and {len(told_once) - MOST_LINES:,} more: --format json has them all."


def _once(found: Sequence[Disparity]) -> list[Disparity]:
    """Of two categories that mirror each other only the one with less."""
    mirrors = {
        (one.attribute, one.measure, one.subject, one.others, one.part)
        for one in found
        if not one.is_number and one.part.rate < one.others.rate
    }
    return [
        one
        for one in found
        if (one.attribute, one.measure, one.subject, one.part, one.others) not in mirrors
    ]


def _basis(fairness: Fairness) -> Iterator[str]:
    yield (
        f"Told of {fairness.customers:,} customers who came by and were in no holdout or experiment:"
        " whether they were offered a thing at least once, and whether those who were shown it took it."
    )
    for name, unknown in fairness.unknown.items():
        if unknown:
            yield f"{name} is not known of {unknown:,} of them, who are left out there."
    if fairness.from_profiles:
        yield (
            f"{fairness.from_profiles:,} values are those of today's profiles, as no record of a decision"
            " by this rule book holds them."
        )
    yield f"Bands: ratio of rates {RATIO}; Gini {GINI}. What chance may have done is not called uneven."
    yield "An uneven figure is a question, not a verdict: rules may have good reasons for it."


def _ratio(estimate: Estimate) -> str:
    if isinf(estimate.value):
        return f"at least {estimate.low:.2f}"
    return f"{estimate.value:.2f} ({_interval(estimate)})"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.2f} to {estimate.high:.2f}"
