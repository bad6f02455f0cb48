"""Chance that can be replayed: one seed, one sequence of uniform numbers."""

from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Chance:
    """Uniform numbers from a 64-bit seed by splitmix64 (Steele, Lea & Flood, OOPSLA 2014).

    Cheap to create (a decision makes one), and the same seed always gives the same numbers.

    >>> [round(Chance(7).uniform(), 6) for _ in range(2)]
    [0.38983, 0.38983]
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def take(self, count: int) -> int:
        """The state from which the next `count` numbers follow; here they count as drawn."""
        state = self._state
        self._state = (state + count * _GOLDEN) & _MASK
        return state

    def uniform(self) -> float:
        """The next number in [0, 1), with 53 random bits."""
        self._state = z = (self._state + _GOLDEN) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53
