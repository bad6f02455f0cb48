"""The caller's deadline as a budget, and what each step is expected to cost of it."""

from collections.abc import Callable
from typing import Final

_WEIGHT: Final = 0.05
_CAUTION: Final = 2.0


class Budget:
    """How long the answer may still take. `deadline` and the clock are monotonic seconds."""

    __slots__ = ("_clock", "_deadline")

    def __init__(self, deadline: float, clock: Callable[[], float]) -> None:
        self._deadline = deadline
        self._clock = clock

    def left(self) -> float:
        """Seconds left; negative when it is too late."""
        return self._deadline - self._clock()


class Pace:
    """What a step has been costing: an exponential average of seconds, read with caution.

    A step is entered only while twice its usual cost, and the time the reply itself needs, are left.

    >>> pace = Pace(first_guess=0.001, reply=0.0005)
    >>> pace.allows(0.002), pace.allows(0.003)
    (False, True)
    """

    __slots__ = ("_mean", "_reply")

    def __init__(self, first_guess: float, reply: float) -> None:
        self._mean = first_guess
        self._reply = reply

    def allows(self, left: float) -> bool:
        """Whether a step begun now is expected to leave time for the reply."""
        return left > _CAUTION * self._mean + self._reply

    def took(self, seconds: float) -> None:
        """Learns from one run of the step."""
        self._mean += _WEIGHT * (seconds - self._mean)
