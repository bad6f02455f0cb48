"""Bodies: the memory that requests may take until they are read, all connections' together."""

from typing import Final, Protocol

from engine.edges.grpc.status import Refusal, refusal_of
from engine.errors import Overloaded

ALLOWANCE: Final = 4_096
"""Octets every request may hold that are not counted: the call itself takes as much."""

_TOO_MUCH: Final = refusal_of(Overloaded("too many requests are unfinished", retry_after=1.0))


class Holder(Protocol):
    """A call whose request is not complete, or not read."""

    def give_up(self, refusal: Refusal) -> None:
        """Ends the call with this status, and keeps nothing of its request."""


class Bodies:
    """Knows who holds how much of requests not read, and gives up the oldest when it is too much.

    The oldest is who has held more than the allowance for longest: who sends at an honest pace is
    done long before others have filled what there is.

    Args:
        most: octets all may hold together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Holder, int] = {}
        self._total = 0

    def weigh(self, holder: Holder, octets: int) -> None:
        """The holder's request is now of so many octets; may give up others, or this one."""
        if octets <= ALLOWANCE:
            self.release(holder)
            return
        self._total += octets - self._held.get(holder, 0)
        self._held[holder] = octets
        while self._total > self._most:
            oldest = next(iter(self._held))
            self.release(oldest)
            oldest.give_up(_TOO_MUCH)

    def release(self, holder: Holder) -> None:
        """The holder keeps nothing any more, if it did."""
        self._total -= self._held.pop(holder, 0)
