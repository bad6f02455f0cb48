"""The Faust app of a worker: agents that take letters out of topics and hand them on, and nothing else.

Faust acknowledges nothing by itself (`noack`): a letter is acknowledged once it is done, so an offset is
committed only behind what cannot get lost any more. State is not in Faust's tables, and what a worker
has applied twice after a rebalance changes nothing.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import faust
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.types import AgentT, StreamT

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.messages import Place
from engine.edges.kafka.topics import Topics
from engine.edges.stream.letters import Letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_COMMIT_EVERY: Final = 0.5
_MISSED_AFTER: Final = 10.0
_REBALANCE_WITHIN: Final = 30.0
_TOPICS_LOOKED_UP_EVERY: Final = 3_000
"""Milliseconds. Whoever leads the group divides the partitions it knows of, and a Kafka that has just started
may say that there are none. The leader divides again once it is told otherwise: by default it asks every five
minutes, and nobody has partitions until then."""


class Taker(Protocol):
    """Takes letters; waits while it has no room."""

    async def put(self, letter: Letter) -> None:
        """Takes a letter, which is done later."""


class Agents(NamedTuple):
    """The app, and its agents."""

    app: faust.App
    events: AgentT[None]
    lessons: AgentT[None]


class _Tableless(faust.App):
    """Faust makes a folder for tables where it is started; there are none."""

    def _create_directories(self) -> None:
        pass


def worker_app(brokers: Bootstrap, topics: Topics, inbox: Taker, learning: Taker) -> Agents:
    """The app of one worker."""
    app = _Tableless(
        topics.workers,
        broker=[f"kafka://{broker}" for broker in str(brokers).split(",")],
        broker_credentials=_credentials(brokers),
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        broker_session_timeout=_MISSED_AFTER,
        broker_heartbeat_interval=_MISSED_AFTER / 5,
        broker_rebalance_timeout=_REBALANCE_WITHIN,
        consumer_metadata_max_age_ms=_TOPICS_LOOKED_UP_EVERY,
        broker_commit_interval=_COMMIT_EVERY,
        broker_commit_every=1_000_000,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        autodiscover=False,
        debug=False,
    )

    async def events(stream: StreamT[bytes]) -> None:
        async for letter in _letters(stream):
            await inbox.put(letter)

    async def lessons(stream: StreamT[bytes]) -> None:
        async for letter in _letters(stream):
            await learning.put(letter)

    return Agents(
        app,
        app.agent(app.topic(topics.events, value_type=bytes, key_type=bytes), concurrency=1)(
            events
        ),
        app.agent(app.topic(topics.lessons, value_type=bytes, key_type=bytes), concurrency=1)(
            lessons
        ),
    )


def _credentials(brokers: Bootstrap) -> Credentials | None:
    """How Faust's clients introduce themselves, as those of `kafka.address.client` do."""
    if isinstance(brokers, str):
        return None
    context = None if brokers.tls is None else brokers.tls.context()
    if brokers.user:
        return SASLCredentials(
            username=brokers.user,
            password=brokers.password,
            mechanism=brokers.mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


async def _letters(stream: StreamT[bytes]) -> "AsyncIterator[Letter]":
    async for event in stream.noack().events():  # type: ignore[attr-defined]  # every stream has it
        message = event.message
        place = Place(message.partition, message.offset)
        yield Letter(message.topic, place, message.key or b"", message.value or b"", event.ack)
