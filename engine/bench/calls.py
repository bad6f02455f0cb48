"""The calls: a question asked over gRPC, each in a call of its own or all on one stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final, Protocol

import grpc
from google.rpc.code_pb2 import Code

from engine.bench.plan import Plan
from engine.wire.decision_pb2 import (
    DecideRequest,
    DecideResponse,
    DecideStreamRequest,
    DecideStreamResponse,
)
from engine.wire.decision_pb2_grpc import DecisionServiceStub

PATIENCE: Final = 10.0
"""Seconds after which a call without a budget of its own is given up."""
UNANSWERED: Final = "UNANSWERED"
"""What is counted instead of a status when nothing came in that time."""


class Refused(Exception):
    """A question was not answered; `status` is the gRPC code's name, or UNANSWERED."""

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(status)


class Calls(Protocol):
    """A way to ask."""

    async def ask(self, question: DecideRequest) -> DecideResponse:
        """The answer. Raises `Refused`."""


class Unary:
    """A call for each question; the budget is its deadline."""

    def __init__(self, channel: grpc.aio.Channel, plan: Plan) -> None:
        self._decide = DecisionServiceStub(channel).Decide
        self._budget = plan.budget_ms / 1000 if plan.budget_ms else None

    async def ask(self, question: DecideRequest) -> DecideResponse:
        """The answer. Raises `Refused`."""
        try:
            async with asyncio.timeout(PATIENCE):
                answer: DecideResponse = await self._decide(question, timeout=self._budget)
                return answer
        except grpc.aio.AioRpcError as error:
            raise Refused(error.code().name) from None
        except TimeoutError:
            raise Refused(UNANSWERED) from None


class OnStream:
    """All questions on one `DecideStream`, matched by `request_id`; opened anew when it breaks.

    Whoever waits on a stream that breaks is refused with the stream's status.
    """

    def __init__(self, channel: grpc.aio.Channel, plan: Plan, name: str) -> None:
        self._stub = DecisionServiceStub(channel)
        self._budget = plan.budget_ms
        self._ids = (f"{name}-{number}" for number in count())
        self._waiting: dict[str, asyncio.Future[DecideStreamResponse]] = {}
        self._unsent: asyncio.Queue[DecideStreamRequest] = asyncio.Queue()

    async def ask(self, question: DecideRequest) -> DecideResponse:
        """The answer. Raises `Refused`."""
        question.request_id = next(self._ids)
        coming = asyncio.get_running_loop().create_future()
        self._waiting[question.request_id] = coming
        self._unsent.put_nowait(DecideStreamRequest(request=question, budget_ms=self._budget))
        try:
            async with asyncio.timeout(PATIENCE):
                came: DecideStreamResponse = await coming
        except TimeoutError:
            raise Refused(UNANSWERED) from None
        finally:
            self._waiting.pop(question.request_id, None)
        if came.HasField("status"):
            raise Refused(Code.Name(came.status.code))
        return came.response

    async def run(self) -> None:
        """Carries questions and answers until cancelled."""
        while True:
            try:
                async for came in self._stub.DecideStream(self._questions()):
                    waiting = self._waiting.pop(came.request_id, None)
                    if waiting and not waiting.done():
                        waiting.set_result(came)
                status = "CANCELLED"  # the service ended it without being asked to
            except grpc.aio.AioRpcError as error:
                status = error.code().name
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Refused(status))
            self._waiting.clear()
            self._unsent = asyncio.Queue()
            await asyncio.sleep(0.1)  # the time a service needs to be there again

    async def _questions(self) -> AsyncIterator[DecideStreamRequest]:
        unsent = self._unsent
        while True:
            yield await unsent.get()


@asynccontextmanager
async def calling(channel: grpc.aio.Channel, plan: Plan, name: str) -> AsyncIterator[Calls]:
    """The plan's way to ask; `name` sets its request ids apart from those of other processes."""
    if not plan.stream:
        yield Unary(channel, plan)
        return
    on_stream = OnStream(channel, plan, name)
    running = asyncio.create_task(on_stream.run())
    try:
        yield on_stream
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
