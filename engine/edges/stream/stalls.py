"""Stalls: when a worker that has something to do and does not get on is to join its group anew, or to end.

Consumers of Kafka may be left standing after a rebalance without an error anywhere: with partitions that
nobody was given, or with partitions that nothing is fetched from any more.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from engine.edges.stream.group import NOBODY, Share, Standing

REJOIN_AFTER: Final = 10.0
"""Seconds a partition may stand still before the group is joined anew, and between two such attempts."""

END_AFTER: Final = 60.0
"""Seconds after which joining anew has not helped, and the process is to end for its supervisor."""


class Advice(Enum):
    """What is to be done."""

    GO_ON = "go on"
    REJOIN = "join the group anew"
    END = "end"


class Doing(NamedTuple):
    """What a worker knows of itself.

    Attributes:
        member: its name in the group; empty while it is in none.
        waiting: whether it holds what Redis or Kafka do not take just now.
        catching_up: whether it does what lies before the letters it holds.
        moved: how much it has done since it began.
    """

    member: str
    waiting: bool
    catching_up: bool
    moved: int


@dataclass(slots=True)
class _Still:
    """Since when a partition has stood still, and where."""

    since: float
    committed: int


class Stalls:
    """Judges one look after the other; times are seconds of a clock that never goes back.

    A partition stands still while nobody has it, or while this worker has it, there is something to
    commit, and its commits do not move. What others have is theirs to watch. A worker that waits for
    Redis or Kafka is not standing still, nor one that gets on with what it has to catch up with.
    """

    def __init__(self) -> None:
        self._still: dict[TopicPartition, _Still] = {}
        self._moved = -1
        self._rejoined = float("-inf")

    def see(self, at: float, standing: Standing, doing: Doing) -> Advice:
        """What this look makes advisable."""
        excused = doing.waiting or (doing.catching_up and doing.moved != self._moved)
        self._moved = doing.moved
        self._still = {
            place: self._since(at, place, share)
            for place, share in standing.shares.items()
            if share.owner == NOBODY or (share.owner == doing.member and share.lag and not excused)
        }
        stalled = self.stalled(at)
        if stalled >= END_AFTER:
            return Advice.END
        due = at - max(self._rejoined, at - stalled) >= REJOIN_AFTER
        if due and standing.settled:
            self._rejoined = at
            return Advice.REJOIN
        return Advice.GO_ON

    def stalled(self, at: float) -> float:
        """Seconds for which the partition that stands still longest has done so; 0 if none does."""
        return max((at - still.since for still in self._still.values()), default=0.0)

    def forget(self) -> None:
        """Nobody is to blame for what was so far: Kafka could not be asked."""
        self._still = {}

    def _since(self, at: float, place: TopicPartition, share: Share) -> _Still:
        before = self._still.get(place)
        if before is not None and before.committed == share.committed:
            return before
        return _Still(at, share.committed)
