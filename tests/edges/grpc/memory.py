"""A small engine that keeps everything in memory and decides by a fixed rule: the edge's other half.

It obeys the port to the letter (idempotent requests and events, sealed tokens, errors) and offers the
book's actions in order. A few customer ids ask for trouble, so that trouble can be tested.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from engine.capsule import Capsules
from engine.edges.grpc.port import RuleBookStatus
from engine.edges.grpc.waits import Attended
from engine.errors import (
    InvalidInput,
    NoRuleBook,
    OutOfRange,
    Overloaded,
    RequestConflict,
    StorageError,
)
from engine.model import (
    UNKNOWN,
    CandidateTrace,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Degradation,
    EventId,
    EventResult,
    EventStatus,
    Factors,
    IncomingEvent,
    IncomingResponse,
    Offer,
    PastInteraction,
    PlacementId,
    PlacementOffers,
    ProfileUpdate,
    Question,
    Reason,
    Stage,
    Step,
    Touch,
    Trace,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loosening import Loosened, Loosening
from engine.settings import Settings
from engine.stopwatch import Stopwatch
from engine.telemetry import Gauge
from engine.triggers.outbox import Left
from tests.edges.grpc.books import book as small_book

SECRET = "the vault's combination is 1234"  # must never reach a caller
NOW = 1_790_000_000_000_000
STATUS = RuleBookStatus(
    active_since=NOW,
    last_load_error=(Diagnostic("policies.yaml", 3, 7, "unknown key 'isues'"),),
    last_load_error_time=NOW + 1_000_000,
    loosened=(
        Loosening(Loosened.REMOVED, "eligible_when.adult", ("a", "b"), "is gone", "a.yaml", 4, 2),
    ),
    accepted=3,
    refused=1,
)


def _trouble(customer_id: str) -> None:
    match customer_id:
        case "crash":
            raise RuntimeError(SECRET)
        case "overload":
            raise Overloaded("too many questions wait", 1.5)
        case "broken_disk":
            raise StorageError("the journal cannot be written")
        case "inner_cancel":
            raise asyncio.CancelledError
        case _:
            pass


@dataclass
class MemoryEngine:
    """See the module. `wait` is what a decision for customer `slow` waits for."""

    book: RuleBook | None = field(default_factory=small_book)
    rulebook_status: RuleBookStatus = STATUS
    now: Callable[[], int] = lambda: NOW
    capsules: Capsules = field(default_factory=lambda: Capsules(bytes(32)))
    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    answered: dict[str, tuple[Question, Decision, bytes]] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    events: dict[EventId, IncomingEvent] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    wait: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    at_work: int = 0
    most_at_work: int = 0

    def reload_soon(self) -> None:
        """There are no files behind this engine."""

    def decide_now(
        self, question: Question, deadline: float
    ) -> tuple[Decision, bytes] | bytes | None:
        if question.customer_id == "slow":
            return None
        return self._decide(question, deadline)

    def keep(self, request_id: str, reply: bytes) -> None:
        self.kept[request_id] = reply

    def inquire(self, question: Question, deadline: float) -> Attended:
        return Attended(partial(self._wait_and_decide, question, deadline))

    async def _wait_and_decide(
        self, question: Question, deadline: float
    ) -> tuple[Decision, bytes] | bytes:
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        self.started.set()
        try:
            await self.wait.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            self.at_work -= 1
        return self._decide(question, deadline)

    def _decide(self, question: Question, deadline: float) -> tuple[Decision, bytes] | bytes:
        _trouble(question.customer_id)
        if self.book is None:
            raise NoRuleBook("no rule book is loaded")
        self.questions.append(question)
        self.deadlines.append(deadline)
        known = self.answered.get(question.request_id)
        if known is not None:
            if known[0] != question:
                raise RequestConflict(f"request {question.request_id} asked something else before")
            reply = self.kept.get(question.request_id)
            return reply or (replace(known[1], trace=None), known[2])
        decision = self._decision(question, self.book)
        token = b"" if question.dry_run else self.capsules.seal(decision)
        if question.request_id:
            self.answered[question.request_id] = (question, decision, token)
        return decision, token

    def _decision(self, question: Question, book: RuleBook) -> Decision:
        number = len(self.questions)
        return Decision(
            decision_id=DecisionId(f"d{number}"),
            customer_id=question.customer_id,
            request_id=question.request_id,
            channel=question.channel,
            decided_at=self.now(),
            seed=number,
            placements=[self._placed(place, question, book) for place in question.placements],
            rulebook_version=book.version,
            model_version="m1",
            holdout="",
            degraded=(Degradation(Step.PROFILE, "no time"),)
            if question.customer_id == "hurried"
            else (),
            values=(),
            features=[0.25, True, "premium", 3, UNKNOWN, None, ("web", "ivr")],
            schema="s1",
            trace=_trace(question) if question.explain else None,
        )

    def _placed(self, place: PlacementId, question: Question, book: RuleBook) -> PlacementOffers:
        placement = book.placements[place]
        if question.customer_id == "nobody":
            offer = Offer(*("", "", "", ""), 1, 0.0, 0.0, 0.0, 1.0, placement.fallback)  # type: ignore[arg-type]  # stands for no action
            return PlacementOffers(place, [offer], fallback=True)
        shown = [t for t in book.treatments if t.placement == place]
        return PlacementOffers(
            place,
            [
                Offer(
                    action_id=book.actions[t.action].action_id,
                    treatment_id=t.treatment_id,
                    issue="grow",
                    group="bundles",
                    rank=rank,
                    priority=1.5 / rank,
                    propensity=0.3,
                    value=4.5,
                    probability=0.9,
                    content=t.render(()),
                )
                for rank, t in enumerate(shown[: question.max_offers or placement.slots], 1)
            ],
            fallback=False,
        )

    async def offers(self, position: int, *, only_kept: bool) -> AsyncGenerator[Left, None]:
        """Those in `left`, and nothing more for ever."""
        newest = self.left[-1].position if self.left else 0
        if position > newest:
            raise OutOfRange(f"position {position} is beyond the newest, {newest}")
        for left in self.left:
            if left.position > position:
                yield left
        if not only_kept:
            await asyncio.Event().wait()

    async def record(self, events: Sequence[IncomingEvent]) -> list[EventResult]:
        return [self._record(event) for event in events]

    def _record(self, event: IncomingEvent) -> EventResult:
        _trouble(event.customer_id)
        if event.event_id in self.events:
            return EventResult(EventStatus.DUPLICATE)
        customer = self.customers.setdefault(event.customer_id, Customer(event.customer_id))
        if isinstance(event.body, IncomingResponse):
            response = event.body
            if response.token:
                try:
                    exposure = self.capsules.open(
                        response.token, event.customer_id, response.action_id
                    )
                except InvalidInput as error:
                    return EventResult(EventStatus.REJECTED, str(error))
                touch = Touch(
                    exposure.decision_id,
                    response.action_id,
                    exposure.channel,
                    exposure.placement,
                    exposure.decided_at,
                    {response.outcome: (event.time, response.value)},
                )
                customer.touches.append(touch)
        else:
            customer.interactions.append(
                PastInteraction(event.time, event.body.type, event.body.channel)
            )
        self.events[event.event_id] = event
        return EventResult(EventStatus.ACCEPTED)

    async def put(self, updates: Sequence[ProfileUpdate]) -> None:
        for update in updates:
            _trouble(update.customer_id)
            customer = self.customers.setdefault(update.customer_id, Customer(update.customer_id))
            customer.updated_at = update.time
            for name, value in update.attributes.items():
                if value is None:
                    customer.attributes.pop(name, None)
                else:
                    customer.attributes[name] = value

    def gauges(self) -> Sequence[Gauge]:
        return [Gauge("attune_journal_backlog", "Events not yet applied.", lambda: 7)]

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        _trouble(customer_id)
        return self.customers.get(customer_id)


def _trace(question: Question) -> Trace:
    place = question.placements[0]
    no_complaint = Reason(
        Stage.SUITABILITY,
        "suitable_when.no_complaint",
        unknown=False,
        detail="!customer.complaint_open",
        place="policies.yaml:4:9",
        saw={"customer.complaint_open": "true"},
    )
    consent = Reason(
        Stage.CONSENT_AND_CONTACT,
        "applicable_when.consent",
        unknown=True,
        detail="consent.marketing && request.channel in consent.channels",
        place="policies.yaml:14:14",
        saw={"consent.marketing": "unknown", "request.channel": "web"},
    )
    outranked = Reason(
        Stage.ARBITRATION,
        "arbitration.outranked",
        unknown=False,
        detail="priority 0.7 is below those shown",
        place="",
        saw={},
    )
    elsewhere = Reason(
        Stage.AVAILABILITY, "availability.no_treatment", unknown=False, detail="", place="", saw={}
    )
    first, second, third = Factors(0.3, 2, 4.5, 1.1, 2.97), Factors(0.2, 1, 3.5, 1, 0.7), None
    return Trace(
        (
            CandidateTrace("a1", "a1.web", place, 1, first, ()),  # type: ignore[arg-type]  # ids
            CandidateTrace("a2", "a2.web", place, 0, second, (outranked,)),  # type: ignore[arg-type]  # ids
            CandidateTrace("a3", None, place, 0, third, (no_complaint, consent)),  # type: ignore[arg-type]  # ids
            CandidateTrace("a4", None, place, 0, third, (elsewhere,)),  # type: ignore[arg-type]  # ids
        ),
        {"rules": 12.5, "score": 20.0},
    )


@asynccontextmanager
async def open_memory_engine(settings: Settings) -> AsyncIterator[MemoryEngine]:
    """An `OpenEngine` for tests of the server's life."""
    yield MemoryEngine()
