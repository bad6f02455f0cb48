"""What the figures mean: findings with a severity, each a sentence for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.health import limits
from engine.health.limits import Limit, Severity
from engine.health.measures import Estimate, rate
from engine.health.models import ModelHealth
from engine.health.traffic import Traffic
from engine.model import DAY, CustomerId
from engine.rulebook.book import RuleBook

MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure and what it means; `subjects` are the models it is about, if not all."""

    code: str
    severity: Severity
    text: str
    value: float | None = None
    limit: Limit | None = None
    subjects: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "text": self.text,
            "value": self.value,
            "limit": None if self.limit is None else str(self.limit),
            "limit_published": self.limit is not None and self.limit.published,
            "subjects": list(self.subjects),
        }


def of_traffic(traffic: Traffic, book: RuleBook, known: frozenset[CustomerId]) -> Iterator[Finding]:
    """What the decisions show, channel by channel and altogether."""
    for name, channel in sorted(traffic.channels.items()):
        outbound = name in book.contact.outbound
        limit = limits.NO_ACTION_OUTBOUND if outbound else limits.NO_ACTION
        empty = rate(channel.empty, channel.decisions)
        yield _of_share(
            f"no_action.{name}",
            f"{channel.empty:,} of {channel.decisions:,} decisions on {name} offered nothing"
            f" ({empty.value:.1%})",
            empty,
            limit,
        )
        left = channel.optionality
        if left is not None:
            least = sum(count for size, count in channel.left.items() if size < _A_CHOICE)
            text = (
                f"{left:.1f} actions were left to choose from in a decision on {name};"
                f" in {least / channel.left.total():.1%} of them fewer than {_A_CHOICE}"
            )
            severity = limits.OPTIONALITY.severity(left)
            yield Finding(f"optionality.{name}", severity, text, left, limits.OPTIONALITY)
    if traffic.decisions:
        degraded = rate(sum(traffic.degraded.values()), traffic.decisions)
        steps = ", ".join(f"{step} {count:,}" for step, count in traffic.degraded.most_common())
        told = f" ({steps})" if steps else ""
        yield _of_share(
            "degraded",
            f"{degraded.value:.2%} of decisions left a step out for want of time{told}",
            degraded,
            limits.DEGRADED,
        )
        yield from _of_customers(traffic, known)


def _of_customers(traffic: Traffic, known: frozenset[CustomerId]) -> Iterator[Finding]:
    never = len(traffic.asked - traffic.served)
    share = rate(never, len(traffic.asked))
    yield _of_share(
        "never_served",
        f"{never:,} of {len(traffic.asked):,} customers who came by were never offered anything"
        f" ({share.value:.1%})",
        share,
        limits.NEVER_SERVED,
    )
    absent = len(known - traffic.came)
    text = f"{absent:,} of {len(known):,} known customers did not come by"
    yield Finding("never_asked", Severity.GOOD, text, absent / len(known) if known else None)


def of_trends(traffic: Traffic, models: Sequence[ModelHealth]) -> Iterator[Finding]:
    """The later half of the days against the earlier, whole days only; nothing for fewer than two.

    The newest day is left out: it is not over.
    """
    days = range(traffic.first // DAY + 1, traffic.last // DAY)
    if len(days) < 2:
        return
    half = len(days) // 2
    earlier, later = days[:half], days[-half:]
    volumes = [sum(traffic.days[day] for day in part) for part in (earlier, later)]
    if volumes[0]:
        trend = volumes[1] / volumes[0]
        text = f"decisions went {_to(trend)} from {volumes[0]:,} in {half} days to {volumes[1]:,}"
        severity = limits.VOLUME_TREND.severity(trend)
        yield Finding("volume_trend", severity, text, trend, limits.VOLUME_TREND)
    before, after = (_success(models, part) for part in (earlier, later))
    if before.value > 0.0:
        trend = after.value / before.value
        interval = (after.low / before.high, after.high / max(before.low, 1e-9))
        text = f"the success rate went {_to(trend)} from {before.value:.2%} to {after.value:.2%}"
        severity = limits.SUCCESS_TREND.judged(trend, interval)
        yield Finding("success_trend", severity, text, trend, limits.SUCCESS_TREND)


def _success(models: Sequence[ModelHealth], days: range) -> Estimate:
    mine = [day for model in models for day in model.days if day.start // DAY in days]
    offers = sum(day.offers for day in mine)
    return rate(sum(day.observed.value * day.offers for day in mine), offers)


def of_models(models: Sequence[ModelHealth], silent: Sequence[str]) -> Iterator[Finding]:
    """What the models show together; `silent` are those the book can ask that have no responses."""
    current = [model for model in models if model.offered]
    total = len(current) + len(silent)
    if not total:
        return
    share = len(silent) / total
    yield Finding(
        "models_without_responses",
        limits.SILENT_MODELS.severity(share),
        f"{len(silent):,} of {total:,} models have no responses ({share:.0%})",
        share,
        limits.SILENT_MODELS,
        tuple(silent),
    )
    mature = sum(model.mature for model in current) / total
    yield Finding(
        "mature_models",
        limits.MATURE_MODELS.severity(mature),
        f"{mature:.0%} of {total:,} models have {limits.ENOUGH_POSITIVES:g} positives or more",
        mature,
        limits.MATURE_MODELS,
    )
    for measure, (limit, text) in _OF_A_MODEL.items():
        yield from _together(models, measure, limit, text)


def _together(
    models: Sequence[ModelHealth], measure: str, limit: Limit, text: Mapping[Severity, str]
) -> Iterator[Finding]:
    """The models that share a severity worth a look, in one finding."""
    for severity in (Severity.CRITICAL, Severity.WARNING):
        mine = tuple(str(m.key) for m in models if m.severities[measure] is severity)
        if mine:
            said = f"{len(mine):,} of {len(models):,} models {text[severity]}: {named(mine)}"
            yield Finding(f"model.{measure}", severity, said, float(len(mine)), limit, mine)


def named(subjects: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(subjects) - MOST_NAMED
    told = ", ".join(subjects[:MOST_NAMED])
    return f"{told} and {more:,} more" if more > 0 else told


def _of_share(code: str, text: str, share: Estimate, limit: Limit) -> Finding:
    return Finding(code, limit.judged(share.value, share.interval), text, share.value, limit)


def _to(trend: float) -> str:
    return "up" if trend >= 1.0 else "down"


_A_CHOICE: Final = 2

_OF_A_MODEL: Final = {
    "positives": (
        limits.POSITIVES,
        {
            Severity.CRITICAL: f"had {limits.ENOUGH_POSITIVES:g} responses or more and not one positive",
            Severity.WARNING: f"have fewer than {limits.ENOUGH_POSITIVES:g} positives and are immature",
        },
    ),
    "auc": (
        limits.AUC,
        {
            Severity.CRITICAL: "tell takers apart hardly better than chance, or suspiciously well",
            Severity.WARNING: "have an AUC that is not what is usual",
        },
    ),
    "calibration": (
        limits.CALIBRATION,
        {
            Severity.CRITICAL: "expect less than half or more than twice of what comes",
            Severity.WARNING: "expect too much or too little by a fifth or more",
        },
    ),
    "drift": (
        limits.DRIFT,
        {
            Severity.CRITICAL: "became worse all of a sudden",
            Severity.WARNING: "became worse all of a sudden",
        },
    ),
}
