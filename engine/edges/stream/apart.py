"""Weights are followed on a thread of their own: receiving megabytes must not hold up decisions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any, Final

from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.topics import Topics
from engine.edges.stream.follower import Follower
from engine.edges.stream.weights import Weights

_ENDS_WITHIN: Final = 10.0


@asynccontextmanager
async def followed(
    bootstrap: Bootstrap, topics: Topics, take: Callable[[Weights], None]
) -> AsyncIterator[None]:
    """Within, `take` is called on this event loop with all weights that come.

    It is entered once the weights that were the newest then are taken; Kafka being away is waited for.
    """
    here = asyncio.get_running_loop()
    current = here.create_future()

    def taken(weights: Weights) -> None:
        here.call_soon_threadsafe(take, weights)

    def entered() -> None:
        if not current.done():
            current.set_result(None)

    thread = _Following(Follower(bootstrap, topics, taken), entered, here)
    thread.start()
    try:
        await current
        yield
    finally:
        thread.stop()
        await asyncio.to_thread(thread.join, _ENDS_WITHIN)


class _Following(Thread):
    """Runs a follower on an event loop of its own until it is stopped."""

    def __init__(
        self, follower: Follower, entered: Callable[[], None], caller: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(name="weights", daemon=True)
        self._follower = follower
        self._entered = entered
        self._caller = caller
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    def run(self) -> None:
        """Follows; see `Thread`."""
        self._loop.run_until_complete(self._follow())
        self._loop.run_until_complete(_ended(asyncio.all_tasks(self._loop)))
        self._loop.close()

    def stop(self) -> None:
        """Has it end soon; to be called once, from another thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _follow(self) -> None:
        following = asyncio.create_task(self._follower.run())
        entering = asyncio.create_task(self._enter())
        await self._stopped.wait()
        for task in (entering, following):
            task.cancel()
        await asyncio.wait([entering, following])

    async def _enter(self) -> None:
        await self._follower.current()
        self._caller.call_soon_threadsafe(self._entered)


async def _ended(left: Collection["asyncio.Task[Any]"]) -> None:
    """Ends what a consumer that never reached Kafka has left behind."""
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
