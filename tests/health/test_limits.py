import pytest

from engine.health import limits
from engine.health.limits import Limit, Severity

GOOD, UNTOLD, WARNING, CRITICAL = (
    Severity.GOOD,
    Severity.UNTOLD,
    Severity.WARNING,
    Severity.CRITICAL,
)


@pytest.mark.parametrize(
    ("limit", "value", "severity"),
    [
        (limits.NO_ACTION, 0.10, GOOD),
        (limits.NO_ACTION, 0.11, WARNING),
        (limits.NO_ACTION, 0.91, CRITICAL),
        (limits.OPTIONALITY, 1.9, CRITICAL),
        (limits.OPTIONALITY, 2.0, WARNING),
        (limits.OPTIONALITY, 7.0, GOOD),
        (limits.AUC, 0.51, CRITICAL),
        (limits.AUC, 0.54, WARNING),
        (limits.AUC, 0.55, GOOD),
        (limits.AUC, 0.85, WARNING),
        (limits.AUC, 0.91, CRITICAL),
        (limits.POSITIVES, 0.0, CRITICAL),
        (limits.POSITIVES, 199.0, WARNING),
        (limits.POSITIVES, 200.0, GOOD),
        (limits.SILENT_MODELS, 0.31, CRITICAL),
        (limits.MATURE_MODELS, 0.49, CRITICAL),
        (limits.MATURE_MODELS, 0.75, GOOD),
        (limits.VOLUME_TREND, 0.74, CRITICAL),
        (limits.SUCCESS_TREND, 1.0, WARNING),
    ],
)
def test_the_published_limits(limit: Limit, value: float, severity: Severity) -> None:
    assert limit.published
    assert limit.severity(value) is severity


@pytest.mark.parametrize(
    ("value", "interval", "severity"),
    [
        (0.50, (0.40, 0.60), UNTOLD),
        (0.50, (0.46, 0.54), WARNING),
        (0.50, (0.49, 0.51), CRITICAL),
        (0.60, (0.40, 0.95), GOOD),
        (0.95, (0.85, 0.99), WARNING),
        (0.95, (0.91, 0.99), CRITICAL),
    ],
)
def test_what_could_as_well_be_good_is_not_called_bad(
    value: float, interval: tuple[float, float], severity: Severity
) -> None:
    assert limits.AUC.judged(value, interval) is severity


def test_a_limit_in_words() -> None:
    assert str(limits.AUC) == "at least 0.52, good from 0.55, good to 0.8, at most 0.9"
