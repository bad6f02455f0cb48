"""How the group of workers stands with its log, asked of Kafka from outside the group."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.reading import stretch
from engine.edges.kafka.topics import Topics
from engine.edges.stream.docket import Docket
from engine.errors import StorageError

NOBODY: Final = ""
"""The owner of a partition that no member of the group has."""

PATIENCE: Final = 10.0
"""Seconds Kafka may take to answer before it counts as away."""

_READS_FOR: Final = 2.0
"""Seconds one look may spend on dead letters; what is left is read by the next."""

_SETTLED: Final = frozenset({"Stable", "Empty", "Dead"})


class Share(NamedTuple):
    """One partition: where it ends, up to where the group has committed it, and who has it."""

    end: int
    committed: int
    owner: str

    @property
    def lag(self) -> int:
        """Records the group has not committed."""
        return max(self.end - self.committed, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at the group.

    Attributes:
        shares: every partition of the topics workers read.
        settled: whether the group is not being divided anew just now.
        dead: dead letters nobody has dealt with.
    """

    shares: Mapping[TopicPartition, Share] = field(default_factory=dict)
    settled: bool = True
    dead: int = 0

    def owned(self, member: str) -> dict[TopicPartition, Share]:
        """What this member has.

        >>> events = TopicPartition("attune.events", 0)
        >>> Standing({events: Share(7, 5, "a")}).owned("a")[events].lag
        2
        """
        return {place: share for place, share in self.shares.items() if share.owner == member}


class Group:
    """Asks by connections of its own; `close` ends them, and the next look makes new ones."""

    def __init__(self, bootstrap: Bootstrap, group: str, topics: Topics) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = topics
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._docket = Docket()

    async def look(self) -> Standing:
        """How things stand now.

        Raises:
            StorageError: Kafka is away, or does not know the topics (yet).
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._look()
        except (KafkaError, OSError) as error:
            await self.close()
            raise StorageError(f"the group {self._group} cannot be looked at: {error!r}") from error

    async def _look(self) -> Standing:
        admin, reader = await self._open()
        places = await self._places(admin)
        dead = TopicPartition(self._topics.dead_letters, 0)
        ends = await reader.end_offsets([*places, dead])
        starts = await reader.beginning_offsets([*places, dead])
        committed = await admin.list_consumer_group_offsets(self._group)
        settled, owners = await self._owners(admin)
        shares = {
            place: Share(
                ends[place],
                max(starts[place], committed[place].offset if place in committed else 0),
                owners.get(place, NOBODY),
            )
            for place in places
        }
        return Standing(shares, settled, await self._open_letters(starts[dead], ends[dead]))

    async def close(self) -> None:
        """Ends the connections."""
        admin, reader, self._admin, self._reader = self._admin, self._reader, None, None
        if admin is not None:
            await admin.close()
        if reader is not None:
            await reader.stop()

    async def _open(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**client(self._bootstrap))
            await self._admin.start()
        if self._reader is None:
            self._reader = AIOKafkaConsumer(**client(self._bootstrap))
            await self._reader.start()
        return self._admin, self._reader

    async def _open_letters(self, start: int, end: int) -> int:
        """How many dead letters are open. Those not read yet count as that."""
        if end < self._docket.next:
            self._docket = Docket()
        self._docket.forget(start)
        if self._docket.next < end:
            letters = stretch(self._bootstrap, self._topics.dead_letters, 0, self._docket.next, end)
            with suppress(TimeoutError):
                async with asyncio.timeout(_READS_FOR), aclosing(letters) as records:
                    async for offset, _, value in records:
                        self._docket.take(offset, value)
        return self._docket.open(start, end)

    async def _places(self, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
        """The partitions there are. A topic that is not told of is an error, not a topic without any."""
        told = await admin.describe_topics([self._topics.events, self._topics.lessons])
        for topic in told:
            if topic["error_code"] or not topic["partitions"]:
                raise for_code(topic["error_code"])(topic["topic"])
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in told
            for partition in topic["partitions"]
        ]

    async def _owners(self, admin: AIOKafkaAdminClient) -> tuple[bool, dict[TopicPartition, str]]:
        """Whether the group is settled, and who has which partition."""
        (response,) = await admin.describe_consumer_groups([self._group])
        ((code, _, state, _, _, members, *_),) = response.groups
        if code:
            raise for_code(code)(self._group)
        return state in _SETTLED, dict(_assigned(members))


def _assigned(members: Iterable[Any]) -> Iterable[tuple[TopicPartition, str]]:
    for member in members:
        if assignment := member[-1]:
            for place in ConsumerProtocolMemberAssignment.decode(assignment).partitions():
                yield place, member[0]
