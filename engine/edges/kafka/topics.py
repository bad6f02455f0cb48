"""The topics of a cluster: what lies in each, by which key, for how long."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from engine.edges.kafka.address import Bootstrap, KafkaAddress, client
from engine.edges.kafka.producer import LARGEST
from engine.errors import InvalidInput, StorageError, Violation

FOR_EVER: Final = "-1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_WEEK: Final = str(7 * 24 * 3_600 * 1_000)


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of all topics, which begin with that of the installation.

    >>> Topics("attune").lessons
    'attune.lessons'
    """

    installation: str = "attune"

    @classmethod
    def of(cls, name: str) -> "Topics":
        """Those of an installation by this name.

        Raises:
            InvalidInput: Kafka takes no topics named like that.
        """
        if not _NAME.fullmatch(name):
            wanted = (
                "letters, digits, '.', '_' and '-', at most 200, and begins with a letter or digit"
            )
            raise InvalidInput([Violation("name", f"{name!r} is no name: it has {wanted}")])
        return cls(name)

    @property
    def events(self) -> str:
        """Events and profile updates as servers accepted them, keyed by customer."""
        return f"{self.installation}.events"

    @property
    def lessons(self) -> str:
        """What models learn, and the schemas of their features, keyed by model."""
        return f"{self.installation}.lessons"

    @property
    def weights(self) -> str:
        """What models have learned, the newest of each, keyed by model."""
        return f"{self.installation}.weights"

    @property
    def workers(self) -> str:
        """The consumer group of the workers."""
        return f"{self.installation}.workers"

    @property
    def dead_letters(self) -> str:
        """What could not be read or applied, with the reason, keyed as it was."""
        return f"{self.installation}.dead-letters"

    @property
    def offers(self) -> str:
        """What triggers decided to offer, as JSON, keyed by customer."""
        return f"{self.installation}.offers"


class Size(NamedTuple):
    """How far a cluster spreads: partitions of the events, and copies of everything."""

    partitions: int = 12
    copies: int = 1


def brokers_of(url: str) -> KafkaAddress:
    """Reads the URL of a Kafka (see `KafkaAddress.parse`).

    >>> str(brokers_of("kafka://10.0.0.7:9092,10.0.0.8:9092"))
    '10.0.0.7:9092,10.0.0.8:9092'

    Raises:
        InvalidInput: it is none.
    """
    try:
        return KafkaAddress.parse(url)
    except ValueError as error:
        raise InvalidInput([Violation("stream", str(error))]) from None


async def ensure(bootstrap: Bootstrap, topics: Topics, size: Size) -> None:
    """Creates the topics that are not there; those that are stay as they are.

    State and models are computed again from events and lessons, so these are kept for ever unless the
    operator decides otherwise. A record counts as taken once a majority of its copies have it.

    Raises:
        StorageError: Kafka cannot be reached, or refuses.
    """
    admin = AIOKafkaAdminClient(**client(bootstrap))
    try:
        await admin.start()
        response = await admin.create_topics(list(_wanted(topics, size)))
    except (KafkaError, OSError) as error:
        raise StorageError(f"the topics cannot be created at {bootstrap}: {error}") from error
    finally:
        await admin.close()
    for name, code, *why in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise StorageError(f"topic {name} cannot be created: {for_code(code).__name__} {why}")


def _wanted(topics: Topics, size: Size) -> Iterator[NewTopic]:
    """Each topic with its settings. All lessons of a model are in one partition, in one order."""
    common = {
        "min.insync.replicas": str(size.copies // 2 + 1),
        "max.message.bytes": str(LARGEST),
    }
    kept = {"retention.ms": FOR_EVER}
    compacted = {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000"}
    for name, partitions, settings in (
        (topics.events, size.partitions, kept),
        (topics.lessons, 1, kept),
        (topics.weights, 1, compacted),
        (topics.dead_letters, 1, {"retention.ms": _WEEK}),
        (topics.offers, size.partitions, {"retention.ms": _WEEK}),
    ):
        yield NewTopic(name, partitions, size.copies, topic_configs=common | settings)
