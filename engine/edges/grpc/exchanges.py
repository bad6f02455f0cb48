"""Exchanges over a context that is read and written one message at a time, such as grpc.aio's."""

import asyncio
from dataclasses import dataclass

import grpc

from engine.edges.grpc.gate import Context, Ended, Exchange, Gone, send
from engine.edges.grpc.waits import Wait, awaited


async def conduct(exchange: Exchange, context: Context) -> None:
    """Answers all that is asked, until the caller is done or the exchange is closing.

    Raises `Ended` with the exchange's farewell if the caller was not done.
    """
    talk = _Talk(exchange, context, asyncio.Lock(), asyncio.Semaphore(exchange.most))
    finished = True
    try:
        finished = await _converse(talk)
    except* Gone:
        pass
    if not finished:
        raise Ended(exchange.farewell.code, exchange.farewell.message)


@dataclass(frozen=True, slots=True)
class _Talk:
    """One exchange under way: answers leave one at a time, `places` are left for those that wait."""

    exchange: Exchange
    context: Context
    writing: asyncio.Lock
    places: asyncio.Semaphore

    async def answer(self, message: bytes) -> None:
        async with self.writing:
            await send(self.context, message)

    async def answer_later(self, wait: Wait[bytes]) -> None:
        try:
            await self.answer(await awaited(wait))
        finally:
            self.places.release()


async def _converse(talk: _Talk) -> bool:
    """Whether the caller was done before the exchange was to end."""
    closing = asyncio.ensure_future(talk.exchange.closing.wait())
    try:
        async with asyncio.TaskGroup() as answering:
            reading = answering.create_task(_read(talk, answering))
            await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
            finished = reading.done()
            reading.cancel()
    finally:
        closing.cancel()
    return finished


async def _read(talk: _Talk, answering: asyncio.TaskGroup) -> None:
    """Takes up messages until the caller has no more, as many at once as may wait."""
    while (raw := await talk.context.read()) is not grpc.aio.EOF:
        answer: bytes | Wait[bytes] = talk.exchange.at_once(raw, 0.0)
        if isinstance(answer, bytes):
            await talk.answer(answer)
        else:
            await talk.places.acquire()
            answering.create_task(talk.answer_later(answer))
