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
from engine.edges.grpc.gate import Exchange, Gate, Handler
from engine.edges.grpc.offers import watched
from engine.edges.grpc.port import Engine, Inquiring, Outcome
from engine.edges.grpc.questions import question_of
from engine.edges.grpc.status import Refusal
from engine.edges.grpc.story import with_story
from engine.edges.grpc.timing import Timing
from engine.edges.grpc.turns import Turns
from engine.edges.grpc.waits import Attended, Later, Wait, awaited
from engine.errors import Violation
from engine.model import Decision, Question, Trace
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
        self._explaining: dict[str, asyncio.Future[None]] = {}
        self._timing = Timing(engine.stopwatch, meter, settings)

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

    def _decide(
        self, request: DecideRequest, remaining: float | None
    ) -> bytes | Wait[bytes | Refusal]:
        began = self._clock()
        question = question_of(request, self._admissions.current())
        deadline = self._deadline(began, remaining, question)
        parsed = self._clock()
        decided = self._engine.decide_now(question, deadline)
        if decided is None:
            inquiring = self._inquire(began, parsed, question, deadline)
            return Later(inquiring, partial(self._ended, began, parsed, question))
        return self._answer(began, parsed, question, decided)

    def _ended(
        self, began: float, parsed: float, question: Question, outcome: Outcome
    ) -> bytes | Refusal:
        """The answer to a question that had to wait."""
        try:
            return self._answer_waited(began, parsed, question, outcome)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- told to the caller
            return self._gate.refusal("Decide", error)

    def _inquire(
        self, began: float, parsed: float, question: Question, deadline: float
    ) -> Inquiring:
        if question.explain:
            return Attended(partial(self._explained, began, parsed, question, deadline))
        return self._engine.inquire(question, deadline)

    def _answer_waited(
        self, began: float, parsed: float, question: Question, outcome: Outcome
    ) -> bytes:
        if isinstance(outcome, BaseException):
            raise outcome
        if question.explain and isinstance(outcome, bytes):
            return outcome
        return self._answer(began, parsed, question, outcome)

    async def _explained(
        self, began: float, parsed: float, question: Question, deadline: float
    ) -> bytes:
        """The answer to a question that wants to be explained; who repeats it meanwhile waits, and gets the same."""
        request_id = "" if question.dry_run else question.request_id
        if not request_id:
            return await self._explain_one(began, parsed, question, deadline)
        while (earlier := self._explaining.get(request_id)) is not None:
            await asyncio.wait([earlier])
        told = self._explaining[request_id] = asyncio.get_running_loop().create_future()
        try:
            return await self._explain_one(began, parsed, question, deadline)
        finally:
            del self._explaining[request_id]
            told.set_result(None)

    async def _explain_one(
        self, began: float, parsed: float, question: Question, deadline: float
    ) -> bytes:
        outcome = await awaited(self._engine.inquire(question, deadline))
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, bytes) or outcome[0].trace is None:
            return self._answer(began, parsed, question, outcome)
        decision, token = outcome
        return await self._explain(began, parsed, question, decision, token, outcome[0].trace)

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

    def _deadline(
        self, began: float, budget: float | None, question: Question, waited: float = 0.0
    ) -> float:
        """When the answer must leave; without the caller's `budget` (seconds) the channel's holds.

        The budget counts from the arrival, `waited` seconds before the question was taken up.
        """
        if budget is None:
            budget = self._settings.budgets.of(question.channel)
        self._meter.waited(question.channel, max(self._turns.begin(began), waited))
        reserve = min(self._settings.reserve, budget * _HOME_SHARE)
        return began + budget - waited - reserve - self._turns.waiting()

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

    def _on_stream(self, raw: bytes, waited: float) -> bytes | Wait[bytes]:
        """One question of many: a bad one is answered with a status, and never ends the stream.

        Its budget counts from its arrival: it has `waited` so many seconds for its turn.
        """
        began = self._clock()
        request_id = ""
        try:
            message = DecideStreamRequest.FromString(raw)
            request = message.request
            request_id = request.request_id
            question = question_of(request, self._admissions.current(), _noted(message))
            budget = message.budget_ms / 1000 if message.budget_ms else None
            deadline = self._deadline(began, budget, question, waited)
            parsed = self._clock()
            decided = self._engine.decide_now(question, deadline)
            if decided is None:
                inquiring = self._inquire(began, parsed, question, deadline)
                return Later(inquiring, partial(self._ended_on_stream, began, parsed, question))
            answer = self._answer(began, parsed, question, decided)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- as said above
            return self._refused(request_id, error)
        return encode_on_stream(request_id, _RESPONSE, answer)

    def _ended_on_stream(
        self, began: float, parsed: float, question: Question, outcome: Outcome
    ) -> bytes:
        """The same as `_ended`, on a stream."""
        try:
            answer = self._answer_waited(began, parsed, question, outcome)
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
