"""DecisionService: one question a call, any number over a stream, or what nobody but a trigger asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc
from google.protobuf.message import Message

from engine.edges.grpc.admission import Admissions
from engine.edges.grpc.answers import Answers, encode_on_stream
from engine.edges.grpc.gate import Context, Ended, Gate, Gone, Handler, Wait, send
from engine.edges.grpc.offers import watched
from engine.edges.grpc.port import Engine
from engine.edges.grpc.questions import question_of
from engine.edges.grpc.status import Refusal
from engine.edges.grpc.story import with_story
from engine.edges.grpc.timing import Timing
from engine.edges.grpc.turns import Turns
from engine.errors import Violation
from engine.model import Decision, Question, Trace
from engine.settings import Settings
from engine.telemetry import Meter
from engine.wire.decision_pb2 import DecideRequest, DecideStreamRequest, WatchOffersRequest

SERVICE: Final = "attune.v1.DecisionService"

_RESPONSE: Final = 2
_STATUS: Final = 3
_HOME_SHARE: Final = 0.1


class Decisions:
    """Answers questions within their deadline.

    Args:
        clock: monotonic seconds, the engine's own.
        closing: set when the process is asked to stop; streams then end.
        turns: times the event loop with every question.
    """

    def __init__(
        self,
        engine: Engine,
        admissions: Admissions,
        settings: Settings,
        gate: Gate,
        meter: Meter,
        clock: Callable[[], float],
        closing: asyncio.Event,
        turns: Turns,
    ) -> None:
        self._engine = engine
        self._admissions = admissions
        self._settings = settings
        self._gate = gate
        self._meter = meter
        self._clock = clock
        self._closing = closing
        self._answers = Answers()
        self._turns = turns
        self._timing = Timing(engine.stopwatch, meter, settings)

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        return {
            "Decide": self._gate.prompt("Decide", DecideRequest, self._decide),
            "DecideStream": self._gate.conversation("DecideStream", self._stream),
            "WatchOffers": self._gate.answers("WatchOffers", WatchOffersRequest, self._watch),
        }

    def _watch(self, request: WatchOffersRequest) -> AsyncIterator[Message]:
        return watched(self._engine, request, self._closing)

    def _decide(self, request: DecideRequest, remaining: float | None) -> bytes | Wait:
        began = self._clock()
        question = question_of(request, self._admissions.current())
        deadline = self._deadline(began, remaining, question)
        parsed = self._clock()
        decided = self._engine.decide_now(question, deadline)
        if decided is None:
            return partial(self._decide_later, began, parsed, question, deadline)
        return self._answer(began, parsed, question, decided)

    async def _decide_later(
        self, began: float, parsed: float, question: Question, deadline: float
    ) -> bytes:
        decided = await self._engine.decide(question, deadline)
        if isinstance(decided, bytes) or decided[0].trace is None:
            return self._answer(began, parsed, question, decided)
        decision, token = decided
        return await self._explain(began, parsed, question, decision, token, decided[0].trace)

    async def _explain(
        self,
        began: float,
        parsed: float,
        question: Question,
        decision: Decision,
        token: bytes,
        trace: Trace,
    ) -> bytes:
        """The answer of a decision that explains itself. It tells its stages, and is not counted by them."""
        before = {"parse": (parsed - began) * 1e6}
        plain = self._answers.plain(decision, token)
        answer = await with_story(plain, trace, before, self._clock)
        if question.request_id and not question.dry_run:
            self._engine.keep(question.request_id, answer)
        self._meter.decided(question.channel, self._clock() - began, decision.degraded)
        return answer

    def _deadline(self, began: float, budget: float | None, question: Question) -> float:
        """When the answer must leave; without the caller's `budget` (seconds) the channel's holds."""
        if budget is None:
            budget = self._settings.budgets.of(question.channel)
        self._turns.begin(began)
        reserve = min(self._settings.reserve, budget * _HOME_SHARE)
        return began + budget - reserve - self._turns.waiting()

    def _answer(
        self,
        began: float,
        parsed: float,
        question: Question,
        decided: tuple[Decision, bytes] | bytes,
    ) -> bytes:
        if isinstance(decided, bytes):
            self._meter.decided(question.channel, self._clock() - began, ())
            return decided
        decision, token = decided
        answer = self._answers.encode(decision, token)
        if question.request_id and not question.dry_run:
            self._engine.keep(question.request_id, answer)
        ended = self._clock()
        self._meter.decided(question.channel, ended - began, decision.degraded)
        self._timing.note(decision, began, parsed, ended)
        return answer

    async def _stream(self, context: Context) -> None:
        talk = _Talk(context, asyncio.Lock(), asyncio.Semaphore(self._settings.stream_limit))
        finished = True
        try:
            finished = await self._converse(talk)
        except* Gone:
            pass
        if not finished:
            raise Ended(grpc.StatusCode.UNAVAILABLE, "the service is stopping; open another stream")

    async def _converse(self, talk: "_Talk") -> bool:
        """Answers all that is asked; False if the service was asked to stop before the caller did."""
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            async with asyncio.TaskGroup() as answering:
                reading = answering.create_task(self._read(talk, answering))
                await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
                finished = reading.done()
                reading.cancel()
        finally:
            closing.cancel()
        return finished

    async def _read(self, talk: "_Talk", answering: asyncio.TaskGroup) -> None:
        """Takes up questions until the caller has no more, as many at once as the limit allows."""
        while (raw := await talk.context.read()) is not grpc.aio.EOF:
            began = self._clock()
            request_id = ""
            try:
                message = DecideStreamRequest.FromString(raw)
                request_id = message.request.request_id
                question = question_of(message.request, self._admissions.current(), _noted(message))
                budget = message.budget_ms / 1000 if message.budget_ms else None
                deadline = self._deadline(began, budget, question)
                parsed = self._clock()
                decided = self._engine.decide_now(question, deadline)
                answer = None if decided is None else self._answer(began, parsed, question, decided)
            except Exception as error:  # noqa: BLE001 -- a bad question never ends the stream
                await talk.refuse(request_id, self._gate.refusal("DecideStream", error))
                continue
            if answer is not None:
                await talk.answer(request_id, answer)
                continue
            await talk.places.acquire()
            answering.create_task(self._later(talk, began, parsed, question, deadline))

    async def _later(
        self, talk: "_Talk", began: float, parsed: float, question: Question, deadline: float
    ) -> None:
        try:
            answer = await self._decide_later(began, parsed, question, deadline)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- as above
            await talk.refuse(question.request_id, self._gate.refusal("DecideStream", error))
        else:
            await talk.answer(question.request_id, answer)
        finally:
            talk.places.release()


@dataclass(frozen=True, slots=True)
class _Talk:
    """One open stream: answers leave one at a time, `places` are left for questions that wait."""

    context: Context
    writing: asyncio.Lock
    places: asyncio.Semaphore

    async def answer(self, request_id: str, response: bytes) -> None:
        async with self.writing:
            await send(self.context, encode_on_stream(request_id, _RESPONSE, response))

    async def refuse(self, request_id: str, refusal: Refusal) -> None:
        status = refusal.status().SerializeToString()
        async with self.writing:
            await send(self.context, encode_on_stream(request_id, _STATUS, status))


def _noted(message: DecideStreamRequest) -> list[Violation]:
    """What is wrong with the message around the request. Fields are named as in the request."""
    noted = []
    if not message.request.request_id:
        noted.append(
            Violation("request_id", "must not be empty on a stream: it matches the answer")
        )
    if message.budget_ms < 0:
        noted.append(Violation("budget_ms", f"must not be negative, is {message.budget_ms}"))
    return noted
