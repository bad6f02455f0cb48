"""Exchanging: messages of one call, each answered by itself, mostly within the turn in which it comes."""

import asyncio
from functools import partial
from time import monotonic

from engine.edges.grpc.gate import Exchange
from engine.edges.grpc.waits import Wait
from engine.edges.http2.arrivals import Arrivals
from engine.edges.http2.bodies import Bodies
from engine.edges.http2.connection import Connection
from engine.edges.http2.conversation import Conversation
from engine.edges.http2.heads import Head
from engine.edges.http2.messages import Unfit, framed


class Exchanging(Conversation):
    """A call of a method that answers by an `Exchange`.

    No message is taken up while as many as may wait for their answers, nor while the caller leaves an
    answer untaken: so what a call holds is bounded by the room it has for questions, and by that many
    answers.
    """

    __slots__ = ("_arrivals", "_exchange", "_is_closed", "_is_queued", "_waiting")

    def __init__(
        self,
        connection: Connection,
        number: int,
        head: Head,
        limit: int,
        bodies: Bodies,
        exchange: Exchange,
    ) -> None:
        super().__init__(connection, number, head, limit, bodies)
        self._exchange = exchange
        self._arrivals = Arrivals()
        self._is_queued = False
        self._is_closed = False
        self._waiting: set[Wait[bytes]] = set()

    # --- what is asked -----------------------------------------------------------------------

    def begin(self) -> None:
        """See `Stream`."""
        self._heed_deadline()

    def take(self, data: bytes) -> None:
        """See `Stream`."""
        self._arrivals.came(len(data), monotonic())
        super().take(data)

    def linger(self) -> None:
        """See `Stream`: who may ask more is told when no more is taken up."""
        self._task = asyncio.get_running_loop().create_task(self._await_closing())

    def complete(self) -> None:
        """See `Stream`: all that was asked is answered, also if the exchange closes meanwhile."""
        self._listen_no_more()
        self._go_on()

    def _go_on(self) -> None:
        """There may be something to take up when it is this call's turn."""
        if not (
            self._is_queued
            or self._is_closed
            or self.unsent
            or len(self._waiting) >= self._exchange.most
        ):
            self._is_queued = True
            self.connection.queue(self)

    def serve(self) -> None:
        """See `Stream`: takes up one message; what follows it has its turn after others."""
        self._is_queued = False
        if self._is_closed or self._is_closing():
            return
        before = len(self._body)
        try:
            message = self._next()
        except Unfit as unfit:
            self.give_up(unfit.refusal)
            return
        if message is None:
            if self.asked and not self._waiting:
                self._end_well()
                self._stop()
            return
        came = self._arrivals.taken(before - len(self._body))
        answer = self._exchange.at_once(message, monotonic() - came)
        if isinstance(answer, bytes):
            self._say(answer)
        else:
            self._waiting.add(answer)
            answer.begin(partial(self._answer_waited, answer))
        if self._body or self.asked:
            self._go_on()

    # --- what is answered --------------------------------------------------------------------

    def _say(self, answer: bytes) -> None:
        self._begin_reply()
        self.connection.send(self, framed(answer))

    def _answer_waited(self, wait: Wait[bytes], answer: bytes) -> None:
        """What was waited for is there; who has gone meanwhile has left it."""
        self._waiting.discard(wait)
        self._say(answer)
        if self._is_closed:
            self._leave_if_answered()
        else:
            self._go_on()
        if not self._waiting and self.connection.open_streams == 1:
            self.connection.hurry()

    def sent(self) -> None:
        """See `Stream`: who takes answers may ask more."""
        self._go_on()

    # --- the end -----------------------------------------------------------------------------

    async def _await_closing(self) -> None:
        await self._exchange.closing.wait()
        self._task = None
        self._is_closed = True
        self._leave_if_answered()

    def _listen_no_more(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _leave_if_answered(self) -> None:
        if not self._waiting:
            self.give_up(self._exchange.farewell)

    def _stop(self) -> None:
        """See `Call`."""
        super()._stop()
        for wait in self._waiting:
            wait.leave()
        self._waiting.clear()
