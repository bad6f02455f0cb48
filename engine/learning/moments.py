"""Moments: the running mean and variance of each number, by name."""

from collections import Counter, defaultdict
from collections.abc import Mapping


class Moments:
    """How often each number was seen, its mean and its population variance, by Welford's method.

    The same steps as `river.preprocessing.StandardScaler`, to the last bit; that module takes pandas,
    scikit-learn and SciPy along: a second of every start, and 100 MB.
    """

    __slots__ = ("counts", "means", "vars")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.means: defaultdict[str, float] = defaultdict(float)
        self.vars: defaultdict[str, float] = defaultdict(float)

    def learn_one(self, numbers: Mapping[str, float]) -> None:
        """Takes one of each of these into account."""
        counts, means, variances = self.counts, self.means, self.vars
        for name, number in numbers.items():
            count = counts[name] + 1
            counts[name] = count
            before = means[name]
            mean = means[name] = before + (number - before) / count
            variance = variances[name]
            variances[name] = variance + ((number - before) * (number - mean) - variance) / count
