"""Telling: the health of a service as sentences and a table, for people."""

from collections.abc import Iterator
from typing import Final

from engine.eligibility import show_moment
from engine.health.health import Health
from engine.health.limits import Severity
from engine.health.measures import Estimate
from engine.health.models import ModelHealth
from engine.model import DAY, MINUTE, Micros

MOST_MODELS: Final = 30
_FEATURES: Final = 3
_MARKS: Final = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.UNTOLD: "untold",
    Severity.GOOD: "good",
}


def told(health: Health) -> str:
    """What is wrong first, then every model, then what these figures leave out."""
    parts = (_opening, _findings, _models, _learner, _left_out)
    return "\n\n".join("\n".join(part(health)) for part in parts if any(part(health)))


def sentence(health: Health) -> str:
    """The whole in one line."""
    counts = {
        severity: sum(finding.severity is severity for finding in health.findings)
        for severity in (Severity.CRITICAL, Severity.WARNING)
    }
    found = ", ".join(f"{count:,} {severity}" for severity, count in counts.items() if count)
    return f"Health: {found}." if found else "Health: nothing to worry about."


def minute(moment: Micros) -> str:
    """A moment without its seconds."""
    return show_moment(moment - moment % MINUTE)


def _opening(health: Health) -> Iterator[str]:
    traffic, offers = health.traffic, len(health.lessons.offers)
    yield sentence(health)
    if traffic.decisions:
        yield (
            f"{traffic.decisions:,} decisions from {minute(traffic.first)} to"
            f" {minute(traffic.last)}, {offers:,} offers with a response, in"
            f" {len(health.models):,} models."
        )
    else:
        yield f"No decisions are kept of this time; {offers:,} offers have a response."


def _findings(health: Health) -> Iterator[str]:
    order = tuple(_MARKS)
    for finding in sorted(health.findings, key=lambda one: order.index(one.severity)):
        yield f"  {_MARKS[finding.severity]:<9} {finding.text}"
        if finding.limit is not None and finding.severity is not Severity.GOOD:
            whose = "" if finding.limit.published else " (our own limit: none is published)"
            yield f"  {'':<9} {finding.limit}{whose}"


def _models(health: Health) -> Iterator[str]:
    if not health.models:
        yield "No model has had a response."
        return
    width = max(len(str(model.key)) for model in health.models[:MOST_MODELS])
    yield (
        f"{'Model':<{width}}{'responses':>11}{'positives':>11}{'rate':>8}"
        f"{'AUC (95 %)':>20}{'calibration error':>19}{'expected/came':>15}  drift"
    )
    for model in health.models[:MOST_MODELS]:
        yield _model(model, width)
        if model.importance:
            strongest = ", ".join(
                f"{one.feature} {one.spread:.2f}" for one in model.importance[:_FEATURES]
            )
            yield f"{'':<{width}}  moved most by {strongest}"
    if len(health.models) > MOST_MODELS:
        yield f"and {len(health.models) - MOST_MODELS:,} models more: --format json has them all."


def _learner(health: Health) -> Iterator[str]:
    """What the default model, from which all of these are read, says of itself."""
    known = health.learner
    if known is None or not known.lessons:
        return
    auc, error = known.auc, known.calibration_error
    yield (
        f"All actions and channels in one: {known.lessons:,} lessons since the beginning"
        f", AUC {'untold' if auc is None else format(auc, '.3f')}"
        f", calibration error {'untold' if error is None else format(error, '.4f')}."
    )
    trusted = [f"{name} {share:.0%}" for name, share in list(known.trusted.items())[:_FEATURES]]
    yield f"It trusts most {', '.join(trusted)}."
    if known.drifts:
        lessons = ", ".join(f"{lesson:,}" for lesson in known.drifts[-_FEATURES:])
        yield f"It noticed that it had become worse, and turned livelier, at lesson {lessons}."


def _model(model: ModelHealth, width: int) -> str:
    calibration, ratio = model.calibration, None
    if calibration is not None:
        ratio = calibration.ratio
    worse = [change for change in model.changes if change.worse]
    drift = f"worse since {minute(worse[-1].since)}" if worse else "none"
    line = (
        f"{model.key!s:<{width}}{model.offers:>11,}{model.positives:>11,.1f}"
        f"{model.success.value:>8.1%}{_interval(model.auc):>20}"
        f"{'' if calibration is None else format(calibration.error, '.4f'):>19}"
        f"{'' if ratio is None else format(ratio.value, '.2f'):>15}  {drift}"
    )
    return line if model.offered else f"{line}  (no longer in the rule book)"


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "untold"
    return f"{estimate.value:.3f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _left_out(health: Health) -> Iterator[str]:
    traffic = health.traffic
    if traffic.decisions and health.since and traffic.first > health.since + DAY:
        yield f"The log of decisions reaches back to {minute(traffic.first)} only: older ones are let go."
    yield (
        "Decisions are told from their log, which is kept for some days; responses from the journal,"
        " which keeps all."
    )
    yield (
        "AUC, calibration and drift compare the propensity given at the decision with what came of"
        " the offer by now: the newest offers may still be taken, and only what was shown counts."
    )
    if health.explained_by:
        yield (
            f"What moves a model is told of {health.explained_by}: the standard deviation of each"
            " feature's part of the logit over its newest offers."
        )
    else:
        yield "What moves a model cannot be told: no checkpoint of the model is on disk yet."
    if traffic.held:
        yield (
            f"{traffic.held:,} decisions for customers in a holdout or an experiment are not"
            " among those that offered nothing."
        )
