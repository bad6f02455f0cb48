"""A dependency that fails three times running is left alone for a while, then tried again."""

from collections.abc import Callable
from typing import Final

FAILURES: Final = 3


class Breaker:
    """Says whether a dependency is worth asking. `clock` and `rest` are seconds.

    >>> now = [0.0]
    >>> breaker = Breaker(rest=10.0, clock=lambda: now[0])
    >>> for _ in range(3): breaker.failed()
    >>> breaker.closed(), now.__setitem__(0, 10.0), breaker.closed()
    (False, None, True)

    The first one to ask after the rest is the probe: until it is known how it went, the others are
    told no.

    >>> breaker.closed(), breaker.worked(), breaker.closed()
    (False, None, True)
    """

    __slots__ = ("_clock", "_failures", "_rest", "_until")

    def __init__(self, rest: float, clock: Callable[[], float]) -> None:
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    def closed(self) -> bool:
        """Whether to ask; after a rest, only the first to call is told yes."""
        if self._failures < FAILURES:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self._rest
        return True

    def worked(self) -> None:
        """It answered: all is well again."""
        self._failures = 0

    def failed(self) -> None:
        """It did not answer, or too late."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._until = self._clock() + self._rest
