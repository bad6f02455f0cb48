"""A server takes up what was learned elsewhere: weights become a mind, aside, and the mind is swapped in."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from engine.edges.stream.weights import Weights, mind_of
from engine.errors import StorageError
from engine.learning.mind import Mind
from engine.telemetry import Gauge

log = logging.getLogger(__name__)


class TakingUp:
    """Holds the newest weights that came, and hands them on one after the other, unpacked in a thread.

    Weights that came while others were taken up take the place of those still waiting.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._newest: Weights | None = None
        self._came = asyncio.Event()
        self._written = 0.0
        self._lessons = 0

    def take(self, weights: Weights) -> None:
        """Notes that these are the newest; see `engine.edges.stream.follower.Follower`."""
        self._newest = weights
        self._came.set()

    async def first(self) -> Mind:
        """What was learned so far; a mind that knows nothing if there is nothing, or it cannot be read."""
        return await self._next() or Mind()

    async def run(self, adopt: Callable[[Mind], Awaitable[None]]) -> None:
        """Hands on each mind that comes, until it is cancelled."""
        while True:
            await self._came.wait()
            mind = await self._next()
            if mind is not None:
                await adopt(mind)

    async def _next(self) -> Mind | None:
        """The newest that came and was not handed on; None if there is none that can be read."""
        weights, self._newest = self._newest, None
        self._came.clear()
        if weights is None:
            return None
        try:
            mind = await asyncio.to_thread(mind_of, weights)
        except StorageError as error:
            log.error("weights are passed over: %s", error)  # noqa: TRY400 - no trace is needed
            return None
        self._written, self._lessons = weights.written, mind.learner.version
        return mind

    def gauges(self) -> list[Gauge]:
        """How old the model is that decisions are made by, and how much it has learned."""
        return [
            Gauge(
                "attune_model_age_seconds",
                "Seconds since the weights decisions are made by were written; 0 before the first.",
                lambda: max(0.0, self._clock() - self._written) if self._written else 0.0,
            ),
            Gauge(
                "attune_model_lessons",
                "Lessons the model knows that decisions are made by.",
                lambda: float(self._lessons),
            ),
        ]
