"""The producer every writer uses: what it has published survives the death of a broker."""

from typing import Final

from aiokafka import AIOKafkaProducer

from engine.edges.kafka.address import Bootstrap, client

LARGEST: Final = 64 << 20
"""Bytes a record may have; topics that hold models are made for as many."""

_BATCH: Final = 1 << 18


async def started(bootstrap: Bootstrap) -> AIOKafkaProducer:
    """A producer of records that all replicas have (`acks=all`), none twice. Raises KafkaError, OSError."""
    producer = AIOKafkaProducer(
        **client(bootstrap),
        acks="all",
        enable_idempotence=True,
        max_request_size=LARGEST,
        max_batch_size=_BATCH,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer
