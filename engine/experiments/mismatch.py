"""Mismatch: whether the groups of a trial are as large as their shares say."""

from collections.abc import Sequence
from math import erfc, exp, gamma, sqrt
from typing import Final, NamedTuple

ALARM: Final = 0.001
"""Below this probability of chance alone, something else than chance chose who is in which group.

The trials of a book are looked at again and again, hence less than the usual 0.05 (Fabijan et al.,
"Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019).
"""

_LEAST: Final = 5.0


class Mismatch(NamedTuple):
    """`p` is the probability of groups as uneven by chance; None if there are too few customers."""

    expected: tuple[float, ...]
    p: float | None

    @property
    def alarm(self) -> bool:
        """Whether nothing may be concluded from these groups."""
        return self.p is not None and self.p < ALARM


def mismatch(counts: Sequence[int], shares: Sequence[float]) -> Mismatch:
    """Pearson's chi-square test of `counts` against `shares`, which are positive and add up to 1.

    >>> mismatch([500, 500], [0.5, 0.5]).p, mismatch([600, 400], [0.5, 0.5]).alarm
    (1.0, True)
    """
    total = sum(counts)
    expected = tuple(total * share for share in shares)
    if len(counts) < 2 or min(expected) < _LEAST:
        return Mismatch(expected, None)
    statistic = sum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))
    return Mismatch(expected, chi_square_tail(statistic, len(counts) - 1))


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable with so many degrees of freedom exceeds `statistic`.

    By the recurrence Q(a+1, x) = Q(a, x) + xᵃ e⁻ˣ / Γ(a+1) of the incomplete gamma function.

    >>> round(chi_square_tail(3.841, 1), 3), round(chi_square_tail(11.07, 5), 3)
    (0.05, 0.05)
    """
    half, tail, a = statistic / 2, 0.0, 0.5 * (freedom % 2)
    if a:
        tail = erfc(sqrt(half))
    while a < freedom / 2:
        tail += half**a * exp(-half) / gamma(a + 1)
        a += 1
    return min(tail, 1.0)
