"""A start that is given up where the process is asked to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from engine.running.stopping import unless


@asynccontextmanager
async def opened(told: list[str], waits: bool = False) -> AsyncIterator[None]:
    """Something that is let go of at its end, also where it never comes to be there."""
    try:
        if waits:
            await asyncio.Event().wait()
        told.append("open")
        yield
    finally:
        told.append("let go")


async def test_what_waits_is_cut_short_and_lets_go_of_what_it_had() -> None:
    asked, told = asyncio.Event(), list[str]()
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        asyncio.get_running_loop().call_soon(asked.set)
        async with unless(asked):
            await stack.enter_async_context(opened(told))
            await stack.enter_async_context(opened(told, waits=True))
            told.append("both are open")
        assert told == ["open", "let go"]
        await asyncio.sleep(0)  # whoever was cut short is not cancelled any more
    assert told == ["open", "let go", "let go"]


async def test_what_was_done_before_stays() -> None:
    asked, told = asyncio.Event(), list[str]()
    async with AsyncExitStack() as stack:
        async with unless(asked):
            await stack.enter_async_context(opened(told))
        asked.set()
        await asyncio.sleep(0)
        assert told == ["open"]


@pytest.mark.parametrize("error", [TimeoutError, ValueError, asyncio.CancelledError])
async def test_what_goes_wrong_within_is_told(error: type[BaseException]) -> None:
    with pytest.raises(error):
        async with unless(asyncio.Event()):
            raise error
