"""The watch of a worker: looks at its group now and again, and has done what helps against a stall."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka import TopicPartition

from engine.edges.stream.group import Group, Share, Standing
from engine.edges.stream.membership import Membership
from engine.edges.stream.stalls import END_AFTER, Advice, Doing, Stalls
from engine.errors import StorageError

log = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between two looks."""


class Watch:
    """Looks in `run`; what it saw last is there for metrics and health, from any thread.

    `seen` is told of what this worker has in the group, after each look.

    Attributes:
        standing: how the group stood at the last look; None while Kafka cannot be asked.
        looked: when that was; times are those of `clock`, which never goes back.
        stalled: seconds for which something that is this worker's to move has stood still.
        rejoined: how often the group was joined anew against that.
    """

    def __init__(
        self,
        group: Group,
        membership: Membership,
        doing: Callable[[str], Doing],
        seen: Callable[[Mapping[TopicPartition, Share]], None],
        clock: Callable[[], float],
    ) -> None:
        self._group = group
        self._membership = membership
        self._doing = doing
        self._seen = seen
        self._clock = clock
        self._stalls = Stalls()
        self.standing: Standing | None = None
        self.looked = clock()
        self.stalled = 0.0
        self.rejoined = 0

    @property
    def owned(self) -> Mapping[TopicPartition, Share]:
        """What this worker had at the last look."""
        return {} if self.standing is None else self.standing.owned(self._membership.member)

    async def run(self) -> None:
        """Looks until it is cancelled.

        Raises:
            StorageError: nothing has helped; the process is to end and to be started again.
        """
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._look()
        finally:
            await self._group.close()

    async def _look(self) -> None:
        try:
            self.standing = await self._group.look()
        except StorageError as error:
            log.debug("%s", error)
            self.standing = None
            self._stalls.forget()
        else:
            self._judge(self.standing)
        self.looked = self._clock()
        self.stalled = self._stalls.stalled(self.looked)

    def _judge(self, standing: Standing) -> None:
        member = self._membership.member
        self._seen(standing.owned(member))
        match self._stalls.see(self._clock(), standing, self._doing(member)):
            case Advice.REJOIN:
                log.warning("the group stands still; joining it anew")
                self.rejoined += 1
                self._membership.rejoin()
            case Advice.END:
                raise StorageError(
                    f"the group has stood still for {END_AFTER:g} s, and joining it anew has not helped"
                )
            case Advice.GO_ON:
                pass
