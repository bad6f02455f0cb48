"""A worker's membership in its group, as Faust's consumer has it: its name, and joining anew.

Faust offers neither, so this reaches for the consumer of `aiokafka` in Faust's consumer thread; it is the
only place that does.
"""

import asyncio
import logging
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)


class Membership:
    """Of the worker whose app this is; safe to be asked before the app has started."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    @property
    def member(self) -> str:
        """The worker's name in the group; empty while it is in none."""
        consumer = self._consumer
        return "" if consumer is None else str(consumer._coordinator.member_id)

    @property
    def rebalances(self) -> int:
        """How often the group has been divided anew since the worker began, as far as it took part."""
        return int(self._app.rebalancing_count)

    def rejoin(self) -> None:
        """Asks Kafka again which topics there are, and joins the group anew, soon."""
        if self._consumer is not None:
            thread: Any = self._app.consumer
            asyncio.run_coroutine_threadsafe(self._rejoin(), thread._thread.thread_loop)

    async def _rejoin(self) -> None:
        """In the thread of the consumer."""
        consumer = self._consumer
        if consumer is None:
            return
        try:
            await consumer._client.force_metadata_update()
            consumer._coordinator.check_errors()  # an error nobody has seen keeps it from joining
        except KafkaError as error:
            log.warning("joining the group anew, which had failed: %s", error)
        consumer._coordinator.request_rejoin()

    @property
    def _consumer(self) -> AIOKafkaConsumer | None:
        consumer: Any = self._app.consumer
        return getattr(consumer._thread, "_consumer", None)
