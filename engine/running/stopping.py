"""A start that is given up once the process is asked to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def unless(asked: asyncio.Event) -> AsyncIterator[None]:
    """What is begun within is cut short when `asked` is set, and lets go of what it had; then goes on behind.

    Whoever uses it asks `asked` afterwards whether all was done.
    """
    limit = asyncio.timeout(None)
    try:
        async with limit:
            waiting = asyncio.create_task(_cut(asked, limit))
            try:
                yield
            finally:
                waiting.cancel()
    except TimeoutError:
        if not limit.expired():
            raise


async def _cut(asked: asyncio.Event, limit: asyncio.Timeout) -> None:
    await asked.wait()
    limit.reschedule(asyncio.get_running_loop().time())
