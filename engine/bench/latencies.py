"""Latencies: how long something took, so often, in a histogram of constant size."""

from math import ceil, inf
from typing import Final

from hdrh.histogram import HdrHistogram

_LONGEST: Final = 120_000_000  # microseconds
_DIGITS: Final = 3
_EXACT: Final = 1e-9  # what a share of a whole number may be off by as a float


class Latencies:
    """An HdrHistogram from 1 µs to 2 minutes, true to 0.1 %. Everything outside is seconds.

    >>> waited = Latencies()
    >>> for seconds in (0.001, 0.002, 0.003, 0.004):
    ...     waited.note(seconds)
    >>> f"{waited.at(50):.3f} {waited.highest:.3f}"
    '0.002 0.004'
    """

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, _LONGEST, _DIGITS)

    def note(self, seconds: float) -> None:
        """Counts one; what is shorter or longer than can be told apart counts as that."""
        self._counts.record_value(min(max(round(seconds * 1e6), 1), _LONGEST))

    def at(self, percent: float, never: int = 0) -> float:
        """The least latency within which `percent` of 100 were (nearest rank); 0 if nothing was counted.

        `never` more were waited for in vain: they count as longer than any, so that the answer is
        infinite where the share asked for reaches into them.
        """
        total = self.count + never
        if total == 0:
            return 0.0
        rank = max(ceil(percent / 100 * total - _EXACT), 1)
        if rank > self.count:
            return inf
        return float(self._counts.get_value_at_percentile(100 * rank / self.count)) / 1e6

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._counts.get_total_count())

    @property
    def highest(self) -> float:
        """The longest, 0 if none."""
        return float(self._counts.get_max_value()) / 1e6 if self.count else 0.0

    @property
    def mean(self) -> float:
        """The mean, 0 if none."""
        return float(self._counts.get_mean_value()) / 1e6 if self.count else 0.0

    def add(self, other: "Latencies") -> None:
        """Counts all that the other has counted."""
        self._counts.add(other._counts)

    def encoded(self) -> str:
        """In HdrHistogram's own format (V2, compressed, base64), which its tools read."""
        raw: bytes = self._counts.encode()
        return raw.decode()

    @classmethod
    def decoded(cls, text: str) -> "Latencies":
        """What `encoded` wrote. Raises ValueError if it is something else."""
        made = cls()
        try:
            made._counts.decode_and_add(text.encode())
        except Exception as error:
            raise ValueError("no histogram") from error
        return made
