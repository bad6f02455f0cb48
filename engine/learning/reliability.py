"""Learn: do propensities mean what they say? Bins of what was expected and what came, always kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

_BINS: Final = 40
_PER_LOGIT: Final = 2.5


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How a model is, in plain numbers.

    Attributes:
        lessons: how many it has learned, corrections included.
        responses: offers that taught something.
        positives: the sum of their rewards as known by now.
        auc: area under the ROC curve of what was expected of each offer before it was learned, or None.
        calibration_error: mean distance between expected and observed success, or None.
        reliability: of each bin in use: how many, what was expected on average, what came.
        drift_count: how often losses rose for good.
        drifts: at which lessons, the latest hundred.
        trusted: how much each way of learning is trusted, from 0 to 1, the most trusted first.
    """

    lessons: int
    responses: int
    positives: float
    auc: float | None
    calibration_error: float | None
    reliability: tuple[tuple[int, float, float], ...]
    drift_count: int
    drifts: tuple[int, ...]
    trusted: Mapping[str, float]


class Reliability:
    """What came of propensities, in 40 bins of equal width in logits from −8 to 8.

    Each lesson counts where it was expected to be before it was learned. A better outcome that comes
    later counts in the bin of what is expected by then.

    >>> reliability = Reliability()
    >>> for logit, reward in [(-2.0, 0.0), (-2.0, 1.0), (1.0, 1.0)]:
    ...     reliability.learn_one(logit, 0.5, reward)
    >>> reliability.auc, reliability.calibration_error
    (0.75, 0.1666...)
    """

    def __init__(self) -> None:
        self._seen = [0] * _BINS
        self._expected = [0.0] * _BINS
        self._came = [0.0] * _BINS

    def learn_one(self, logit: float, propensity: float, reward: float) -> None:
        """Counts an offer that was expected to succeed with `propensity`."""
        at = _bin_of(logit)
        self._seen[at] += 1
        self._expected[at] += propensity
        self._came[at] += reward

    def unlearn(self, logit: float, propensity: float, reward: float) -> None:
        """Counts an offer no longer, if any is left in the bin of what is expected of it by now."""
        at = _bin_of(logit)
        if self._seen[at]:
            self._seen[at] -= 1
            self._expected[at] -= propensity
            self._came[at] -= reward

    def correct(self, logit: float, missed: float) -> None:
        """Counts what an offer's reward grew by."""
        self._came[_bin_of(logit)] += missed

    @property
    def bins(self) -> list[tuple[int, float, float]]:
        """How many, what was expected of them on average, and what came, for each bin in use."""
        found = zip(self._seen, self._expected, self._came, strict=True)
        return [(n, expected / n, came / n) for n, expected, came in found if n]

    @property
    def auc(self) -> float | None:
        """The area under the ROC curve, offers of one bin counting as equal; None before both were seen."""
        negatives = [n - came for n, came in zip(self._seen, self._came, strict=True)]
        pairs = sum(self._came) * sum(negatives)
        if not pairs > 0.0:
            return None
        below = accumulate(negatives, initial=0.0)
        found = zip(self._came, negatives, below, strict=False)
        return sum(came * (less + n / 2) for came, n, less in found) / pairs

    @property
    def calibration_error(self) -> float | None:
        """The mean distance between expected and observed success over all offers; None before any."""
        off = (abs(e - c) for e, c in zip(self._expected, self._came, strict=True))
        seen = sum(self._seen)
        return sum(off) / seen if seen else None

    def state(self) -> list[list[float]]:
        """Everything counted, as JSON, for `restore`."""
        return [list(self._seen), list(self._expected), list(self._came)]

    def restore(self, state: Any) -> None:
        """Takes up where what wrote `state` stood."""
        self._seen, self._expected, self._came = map(list, state)


def _bin_of(logit: float) -> int:
    at = int(logit * _PER_LOGIT + _BINS / 2)
    if at < 0:
        return 0
    return at if at < _BINS else _BINS - 1
