"""A worker that decides: the engine of a server beside the log, for what triggers ask for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from engine.edges.kafka.offers import OffersTopic
from engine.edges.kafka.publisher import Publisher
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.scores import LastScores
from engine.edges.stream.serving import Installation, open_cluster_engine
from engine.edges.stream.triggering import Triggering
from engine.engine import Sources
from engine.model import Micros
from engine.settings import Settings
from engine.triggers.lookout import Lookout
from engine.triggers.outreach import Outreach


@asynccontextmanager
async def deciding(
    settings: Settings | None, clock: Callable[[], Micros]
) -> AsyncIterator[Triggering | None]:
    """What triggers need, by the book in `settings.rules`, which is followed; None without settings.

    The topics must be there.

    Raises:
        BrokenRuleBook: the book has mistakes.
        StorageError: the data directory is in use, damaged, or cannot be read.
    """
    if settings is None:
        yield None
        return
    installation = Installation.of(settings)
    async with open_cluster_engine(settings, Sources(now=clock), at_worker=True) as engine:
        lookout = Lookout(engine.book, clock)
        engine.watch_with(lookout)
        connection = await Connection.open(
            installation.redis, installation=installation.topics.installation
        )
        publisher = Publisher(installation.brokers)
        try:
            outbox = OffersTopic(publisher, installation.topics)
            scores = LastScores(Aside(connection))
            yield Triggering(lookout, Outreach(engine, outbox), engine, scores)
        finally:
            await publisher.close()
            await connection.close()
