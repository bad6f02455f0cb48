"""Drift: when a model's predictions suddenly became better or worse."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from river.drift import ADWIN

from engine.health.measures import Numbers
from engine.model import Micros

_DELTA: Final = 0.002
_MOST_LOSS: Final = 7.0
_LEAST_OFFERS: Final = 30


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
    adwin = ADWIN(delta=_DELTA)
    starts: list[int] = []
    for place, loss in enumerate(losses.tolist()):
        adwin.update(min(loss, _MOST_LOSS) / _MOST_LOSS)
        if adwin.drift_detected:
            start = place + 1 - int(adwin.width)
            if start - (starts[-1] if starts else 0) >= _LEAST_OFFERS:
                starts.append(start)
    bounds = [0, *starts, len(losses)]
    return tuple(
        Change(
            times[start],
            float(losses[bounds[part] : start].mean()),
            float(losses[start : bounds[part + 2]].mean()),
        )
        for part, start in enumerate(starts)
    )
