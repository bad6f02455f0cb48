"""Drift: when a model's predictions suddenly became better or worse."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from river.drift import ADWIN

from engine.health.measures import Numbers
from engine.model import Micros

_DELTA: Final = 0.002
_MOST_LOSS: Final = 7.0


class Change(NamedTuple):
    """From the offer of this moment on, the mean log-loss was `after` where it had been `before`."""

    since: Micros
    before: float
    after: float

    @property
    def worse(self) -> bool:
        """Whether predictions became worse."""
        return self.after > self.before


def changes(losses: Numbers, times: Sequence[Micros]) -> tuple[Change, ...]:
    """Where the log-loss of a model's offers changed, in their order; both of the same length.

    Found by ADWIN (Bifet & Gavaldà, Learning from Time-Changing Data with Adaptive Windowing, SDM
    2007) at a false-alarm rate of 0.002 as river has it; losses count up to 7 (p = 0.001).
    """
    starts = _starts(np.minimum(losses, _MOST_LOSS) / _MOST_LOSS)
    bounds = [0, *starts, len(losses)]
    return tuple(
        Change(
            times[start],
            float(losses[bounds[part] : start].mean()),
            float(losses[start : bounds[part + 2]].mean()),
        )
        for part, start in enumerate(starts)
    )


def _starts(numbers: Numbers) -> list[int]:
    """Where changes begin; numbers in [0, 1]. ADWIN tells that there was one, `_split` where."""
    adwin = ADWIN(delta=_DELTA)  # type: ignore[no-untyped-call]  # river's
    starts: list[int] = []
    begin = 0
    for place, number in enumerate(numbers.tolist(), 1):
        adwin.update(number)  # type: ignore[no-untyped-call]  # river's, which begins anew after an alarm
        if adwin.drift_detected:
            begin += _split(numbers[begin:place])
            starts.append(begin)
    return starts


def _split(numbers: Numbers) -> int:
    """The place that parts them best: the mean before and after differ most for their number.

    The maximum-likelihood estimate of a change in mean (Hinkley, Biometrika 57, 1970).
    """
    count = len(numbers)
    before = np.arange(1, count)
    sums = np.cumsum(numbers)
    apart = np.abs(sums[:-1] - before * (sums[-1] / count)) / np.sqrt(before * (count - before))
    return int(np.argmax(apart)) + 1
