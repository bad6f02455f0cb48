"""The topic of offers: what triggers decided, for those who send text messages, mails and pushes."""

from collections.abc import Sequence

from engine.edges.kafka.messages import Record, customer_key
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.topics import Topics
from engine.triggers.outbox import Outgoing


class OffersTopic:
    """An `engine.triggers.outbox.Outbox` in Kafka, keyed by customer: JSON, as docs/cluster.md says."""

    def __init__(self, publisher: Publisher, topics: Topics) -> None:
        self._publisher = publisher
        self._topic = topics.offers

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `engine.triggers.outbox.Outbox`."""
        await self._publisher.publish(
            [Record(self._topic, customer_key(m.customer_id), m.encode()) for m in messages]
        )
