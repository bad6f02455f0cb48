"""The watch of a worker: looks at its group now and again, and has done what helps against a stall."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiokafka import TopicPartition

from engine.edges.stream.group import Share, Standing
from engine.edges.stream.stalls import END_AFTER, Advice, Doing, Stalls
from engine.errors import StorageError

log = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between two looks."""


@dataclass(slots=True)
class Seen:
    """What a watch saw last, for metrics and health; read from any thread.

    Attributes:
        looked: when that was, in seconds of a clock that never goes back.
        standing: how the group stood; None while Kafka cannot be asked.
        owned: what this worker had.
        stalled: seconds for which something that is this worker's to move has stood still.
        rejoined: how often the group was joined anew against that.
    """

    looked: float
    standing: Standing | None = None
    owned: Mapping[TopicPartition, Share] = field(default_factory=dict)
    stalled: float = 0.0
    rejoined: int = 0


class Looks(Protocol):
    """A `Group`."""

    async def look(self) -> Standing:
        """How things stand now. Raises StorageError where Kafka cannot be asked."""

    async def close(self) -> None:
        """Ends the connections."""


class Joins(Protocol):
    """A `Membership`."""

    @property
    def member(self) -> str:
        """The worker's name in the group."""

    def rejoin(self) -> None:
        """Joins the group anew."""


class Watch:
    """Looks in `run`; `look_after` is told of what this worker has in the group, after each look."""

    def __init__(
        self,
        group: Looks,
        membership: Joins,
        doing: Callable[[str], Doing],
        look_after: Callable[[Mapping[TopicPartition, Share]], None],
        clock: Callable[[], float],
    ) -> None:
        self._group = group
        self._membership = membership
        self._doing = doing
        self._look_after = look_after
        self._clock = clock
        self._stalls = Stalls()
        self.seen = Seen(clock())

    async def run(self) -> None:
        """Looks until it is cancelled. Raises what `look` does."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self.look()
        finally:
            await self._group.close()

    async def look(self) -> None:
        """Looks once, and has done what helps.

        Raises:
            StorageError: nothing has helped; the process is to end and to be started again.
        """
        seen = self.seen
        try:
            seen.standing = await self._group.look()
        except StorageError as error:
            log.debug("%s", error)
            seen.standing, seen.owned = None, {}
            self._stalls.forget()
        else:
            self._judge(seen.standing)
        seen.looked = self._clock()
        seen.stalled = self._stalls.stalled(seen.looked)

    def _judge(self, standing: Standing) -> None:
        member = self._membership.member
        self.seen.owned = standing.owned(member)
        self._look_after(self.seen.owned)
        match self._stalls.see(self._clock(), standing, self._doing(member)):
            case Advice.REJOIN:
                log.warning("the group stands still; joining it anew")
                self.seen.rejoined += 1
                self._membership.rejoin()
            case Advice.END:
                raise StorageError(
                    f"the group has stood still for {END_AFTER:g} s, and joining it anew has not helped"
                )
            case Advice.GO_ON:
                pass
