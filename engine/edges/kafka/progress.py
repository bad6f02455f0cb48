"""How far the workers of an installation have come, as they told Kafka."""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engine.edges.kafka.address import Bootstrap, client
from engine.edges.kafka.topics import Topics
from engine.errors import StorageError


async def committed(bootstrap: Bootstrap, topics: Topics) -> dict[int, int]:
    """For each partition of the events the offset up to which all is applied for certain; 0 for nothing.

    Raises:
        StorageError: Kafka cannot be reached, or refuses.
    """
    admin = AIOKafkaAdminClient(**client(bootstrap))
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topics.events])
        partitions = [each["partition"] for each in described["partitions"]]
        places = [TopicPartition(topics.events, number) for number in partitions]
        found = await admin.list_consumer_group_offsets(topics.workers, partitions=places)
    except (KafkaError, OSError, ValueError, LookupError) as error:
        raise StorageError(f"the workers' progress cannot be read: {error}") from error
    finally:
        await admin.close()
    return {at.partition: max(0, found[at].offset) if at in found else 0 for at in places}
