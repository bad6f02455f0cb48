"""What a customer weighs in Redis, told apart by what it is kept for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.codec import encode_customer
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import (
    CUSTOMERS,
    customer_key,
    customer_of,
    events_key,
    offers_key,
    scores_key,
)
from engine.edges.redis.record import decode_record
from engine.model import Customer, CustomerId


class Weight(NamedTuple):
    """Bytes of one customer, or the sum of several.

    Attributes:
        record: what Redis takes for the record, its key included.
        event_ids: what Redis takes for the ids of events, their key included.
        returned: what Redis takes for what was just offered, its key included.
        profile: of the customer as encoded, before packing: attributes and their times.
        offers: … the interaction history.
        interactions: … what else happened.
        scores: what Redis takes for what the model last said of them, its key included.
    """

    record: int = 0
    event_ids: int = 0
    returned: int = 0
    profile: int = 0
    offers: int = 0
    interactions: int = 0
    scores: int = 0

    @property
    def total(self) -> int:
        """What Redis takes for all of it."""
        return self.record + self.event_ids + self.returned + self.scores


async def weigh(connection: Connection, customer_id: CustomerId) -> Weight:
    """The weight of one customer; all 0 for somebody nobody has heard of.

    Raises:
        DamagedData: their record makes no sense.
        StorageError: Redis cannot be reached.
    """
    key = customer_key(customer_id)
    record, ids, returned, scores = [
        await connection.ask("MEMORY", "USAGE", name) or 0
        for name in (
            key,
            events_key(customer_id),
            offers_key(customer_id),
            scores_key(customer_id),
        )
    ]
    customer = decode_record(customer_id, await connection.ask("GET", key)).customer
    return Weight(record, ids, returned, *_parts(customer), scores=scores)


async def some_customers(connection: Connection, most: int) -> list[CustomerId]:
    """Customers that Redis holds, at most so many: those whose keys come first as it keeps them, so any.

    Raises:
        StorageError: Redis cannot be reached.
    """
    found: dict[CustomerId, None] = {}
    cursor = b"0"
    while len(found) < most:
        cursor, keys = await connection.ask(
            "SCAN", cursor, "MATCH", f"{CUSTOMERS}*", "COUNT", 1_000
        )
        found |= {customer_of(key.decode()): None for key in keys}
        if cursor == b"0":
            break
    return list(found)[:most]


async def used(connection: Connection) -> int:
    """Bytes that Redis takes for everything it holds.

    Raises:
        StorageError: Redis cannot be reached.
    """
    told = await connection.ask("INFO", "memory")
    figures = dict(line.split(b":", 1) for line in told.splitlines() if b":" in line)
    return int(figures[b"used_memory"])


def mean(weights: Sequence[Weight]) -> Weight:
    """What a customer weighs on average, rounded.

    >>> mean([Weight(100, 20), Weight(200, 40)])
    Weight(record=150, event_ids=30, returned=0, profile=0, offers=0, interactions=0, scores=0)
    """
    return Weight(*[round(sum(column) / len(weights)) for column in zip(*weights, strict=True)])


def _parts(customer: Customer) -> tuple[int, int, int]:
    whole = len(encode_customer(customer))
    no_profile = len(encode_customer(replace(customer, attributes={}, as_of={})))
    no_offers = len(encode_customer(replace(customer, touches=[], counts={}, last={})))
    no_interactions = len(encode_customer(replace(customer, interactions=[])))
    return whole - no_profile, whole - no_offers, whole - no_interactions
