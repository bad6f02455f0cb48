"""DecisionService: one question a call, any number over a stream, or what nobody but a trigger asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

import grpc
from google.protobuf.message import Message

from engine.edges.grpc.admission import Admissions
from engine.edges.grpc.answers import Answers, encode_on_stream
from engine.edges.grpc.exchanges import conduct
from engine.edges.grpc.gate import Exchange, Gate, Handler, Wait
from engine.edges.grpc.offers import watched
from engine.edges.grpc.port import Engine
from engine.edges.grpc.questions import question_of
from engine.edges.grpc.status import Refusal
from engine.edges.grpc.turns import Turns
from engine.errors import Violation
from engine.model import Decision, Question
from engine.settings import Settings
from engine.telemetry import Meter
from engine.wire.decision_pb2 import DecideRequest, DecideStreamRequest, WatchOffersRequest

SERVICE: Final = "attune.v1.DecisionService"

_RESPONSE: Final = 2
_STATUS: Final = 3
_HOME_SHARE: Final = 0.1
_STOPPING: Final = Refusal(
    grpc.StatusCode.UNAVAILABLE, "the service is stopping; open another stream"
)


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

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        exchange = Exchange(self._on_stream, self._settings.stream_limit, self._closing, _STOPPING)
        return {
            "Decide": self._gate.prompt("Decide", DecideRequest, self._decide),
            "DecideStream": self._gate.conversation(
                "DecideStream", partial(conduct, exchange), exchange
            ),
            "WatchOffers": self._gate.answers("WatchOffers", WatchOffersRequest, self._watch),
        }

    def _watch(self, request: WatchOffersRequest) -> AsyncIterator[Message]:
        return watched(self._engine, request, self._closing)

    def _decide(self, request: DecideRequest, remaining: float | None) -> bytes | Wait:
        began = self._clock()
        question = question_of(request, self._admissions.current())
        deadline = self._deadline(began, remaining, question)
        decided = self._engine.decide_now(question, deadline)
        if decided is None:
            return partial(self._decide_later, began, question, deadline)
        return self._answer(began, question, decided)

    async def _decide_later(self, began: float, question: Question, deadline: float) -> bytes:
        return self._answer(began, question, await self._engine.decide(question, deadline))

    def _deadline(self, began: float, budget: float | None, question: Question) -> float:
        """When the answer must leave; without the caller's `budget` (seconds) the channel's holds."""
        if budget is None:
            budget = self._settings.budgets.of(question.channel)
        self._turns.begin(began)
        reserve = min(self._settings.reserve, budget * _HOME_SHARE)
        return began + budget - reserve - self._turns.waiting()

    def _answer(
        self, began: float, question: Question, decided: tuple[Decision, bytes] | bytes
    ) -> bytes:
        if isinstance(decided, bytes):
            self._meter.decided(question.channel, self._clock() - began, ())
            return decided
        decision, token = decided
        answer = self._answers.encode(decision, token)
        if question.request_id and not question.dry_run:
            self._engine.keep(question.request_id, answer)
        self._meter.decided(question.channel, self._clock() - began, decision.degraded)
        return answer

    def _on_stream(self, raw: bytes) -> bytes | Wait:
        """One question of many: a bad one is answered with a status, and never ends the stream."""
        began = self._clock()
        request_id = ""
        try:
            message = DecideStreamRequest.FromString(raw)
            request = message.request
            request_id = request.request_id
            question = question_of(request, self._admissions.current(), _noted(message))
            budget = message.budget_ms / 1000 if message.budget_ms else None
            deadline = self._deadline(began, budget, question)
            decided = self._engine.decide_now(question, deadline)
            if decided is None:
                return partial(self._on_stream_later, began, question, deadline)
            answer = self._answer(began, question, decided)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- as said above
            return self._refused(request_id, error)
        return encode_on_stream(request_id, _RESPONSE, answer)

    async def _on_stream_later(self, began: float, question: Question, deadline: float) -> bytes:
        try:
            answer = await self._decide_later(began, question, deadline)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- as said above
            return self._refused(question.request_id, error)
        return encode_on_stream(question.request_id, _RESPONSE, answer)

    def _refused(self, request_id: str, error: BaseException) -> bytes:
        """The answer that tells what is wrong."""
        refusal = self._gate.refusal("DecideStream", error)
        return encode_on_stream(request_id, _STATUS, refusal.status().SerializeToString())


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
