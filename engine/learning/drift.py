"""Learn: does the model do worse than it did? Then the world has changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from river._river_rust.drift import AdaptiveWindowing

_WORST: Final = 1.0
_REMEMBERED: Final = 2_048
_EACH: Final = 32


class Adwin:
    """River's ADWIN with its defaults, as `river.drift.ADWIN` runs it: after an alarm it begins anew.

    It looks at what it has been told once every 32 numbers. The module it comes from takes pandas,
    scikit-learn and SciPy along: a second of every start, and 100 MB.
    """

    def __init__(self) -> None:
        self.has_alarmed = False
        self._begin()

    @property
    def estimation(self) -> float:
        """The mean of what it remembers; 0 if that is nothing."""
        width = self._window.get_width()
        return float(self._window.get_total() / width) if width else 0.0

    def update(self, number: float) -> None:
        """Takes the next number into account; `has_alarmed` then says whether the mean has changed."""
        if self.has_alarmed:
            self._begin()
        self.has_alarmed = bool(self._window.update(number))

    def _begin(self) -> None:
        self._window = AdaptiveWindowing(
            delta=0.002, clock=_EACH, max_buckets=5, min_window_length=5, grace_period=10
        )


class DriftWatch:
    """River's ADWIN (Bifet & Gavaldà, SDM 2007) over the log-loss of every lesson, in nats, up to 1.

    ADWIN looks at every 32nd loss, so it is told them by 32. Every 2,048 lessons it begins anew with
    the last 2,048, so that what it knows is a list of at most 4,096 losses: a watch restored from it
    goes on exactly alike.
    """

    def __init__(self) -> None:
        self._begin()

    def learn_one(self, loss: float) -> bool:
        """Takes a loss into account; whether losses have risen for good."""
        if len(self._losses) == 2 * _REMEMBERED:
            self.restore({"losses": self._losses[_REMEMBERED:]})
        self._losses.append(min(loss, _WORST))
        if len(self._losses) % _EACH:
            return False
        self._tell(self._losses[-_EACH:-1])
        usual = self._adwin.estimation
        self._tell(self._losses[-1:])
        if not self._adwin.has_alarmed:
            return False
        has_risen = self._adwin.estimation > usual
        self._begin()
        return has_risen

    def state(self) -> dict[str, Any]:
        """What it knows, as JSON, for `restore`."""
        return {"losses": self._losses}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the watch that wrote `state` stood."""
        self._begin()
        self._losses += state["losses"]
        self._tell(self._losses[: len(self._losses) // _EACH * _EACH])

    def _begin(self) -> None:
        self._adwin = Adwin()
        self._losses: list[float] = []

    def _tell(self, losses: Sequence[float]) -> None:
        for loss in losses:
            self._adwin.update(loss)
