"""Spread: how often something took how long, counted in a plain array and read as Prometheus reads it."""

from collections.abc import Sequence

import numpy as np

from engine.native import native


class Spread:
    """Durations counted by buckets, under the name and the sentence that Prometheus shows.

    `bounds` are the buckets' upper bounds in seconds, rising. Noting one costs a fraction of a microsecond;
    another thread may read meanwhile, and then may miss the last one.

    >>> spread = Spread("attune_lag_seconds", "How late.", (0.001, 0.01))
    >>> for seconds in (0.001, 0.002, 7.0):
    ...     spread.note(seconds)
    >>> spread.buckets()
    ([('0.001', 1.0), ('0.01', 2.0), ('+Inf', 3.0)], 7.003)
    """

    __slots__ = ("_bounds", "_counts", "_upper", "help", "name")

    def __init__(self, name: str, help_: str, bounds: tuple[float, ...]) -> None:
        self.name = name
        self.help = help_
        self._bounds = bounds
        self._upper = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 2)

    def note(self, seconds: float) -> None:
        """Counts one."""
        native.tally(self._counts, self._upper, (seconds,))

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """How many took at most each bound, and how long all took together."""
        return buckets_of(self._bounds, self._counts.tolist())


def buckets_of(
    bounds: Sequence[float], counts: Sequence[float]
) -> tuple[list[tuple[str, float]], float]:
    """What Prometheus reads of `counts`: one for each bound, one beyond the last, and the sum of seconds.

    >>> buckets_of((0.5,), [2.0, 1.0, 9.25])
    ([('0.5', 2.0), ('+Inf', 3.0)], 9.25)
    """
    *buckets, total = counts
    running, cumulative = 0.0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], buckets, strict=True):
        running += count
        cumulative.append((bound, running))
    return cumulative, total
