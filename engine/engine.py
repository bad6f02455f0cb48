"""The running engine: decisions, events and profiles over one data directory, wired by hand, once."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Final

import structlog

from engine.caps.guard import CapsGuard
from engine.capsule import open_capsules
from engine.challenger.beforehand import Beforehand
from engine.challenger.casting import Casting
from engine.challenger.challenge import Challenge
from engine.challenger.contender import Side
from engine.challenger.following import challenging
from engine.challenger.plan import Plan
from engine.challenger.seating import Seating
from engine.circumstances import Circumstances, Foresight, unscored
from engine.codec import DecisionRecord
from engine.contact.household import for_household, household_of
from engine.contact.pending import Pending
from engine.deadline import Budget
from engine.decide import Decider
from engine.decision_id import decision_id
from engine.edge import Edge, Outbound
from engine.edges.caps.caps import TICK, Caps
from engine.edges.grpc.port import ChallengerStatus, RuleBookStatus
from engine.edges.grpc.waits import Attended
from engine.edges.journal.decisions import recorded
from engine.edges.offers.box import OfferBox
from engine.edges.offers.reaching import reaching
from engine.edges.rules.compiler import Compile, compile_apart
from engine.edges.rules.watch import Look, look
from engine.edges.state.embedded import Embedded, Limits
from engine.edges.state.names import DECISIONS, OFFERS
from engine.edges.state.port import DecisionStore, State
from engine.errors import DamagedData, InvalidInput, NotFound, StorageError, UnknownPlacement
from engine.exploration.allowance import Allowance
from engine.join import exposure_of, held_out, joined, unknown_decision
from engine.learning.binding import beginners, bind, consulted
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.limits.guards import guards_of
from engine.limits.limits import Guard
from engine.model import (
    DAY,
    SECOND,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Degradation,
    Event,
    EventId,
    EventResult,
    EventStatus,
    Exposure,
    IncomingEvent,
    IncomingResponse,
    Lesson,
    Micros,
    ProfileUpdate,
    Question,
    Response,
    Step,
    Unknown,
)
from engine.rulebook.book import Exploration, RuleBook
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loosening import Loosening, loosened
from engine.rulebook.trial import JOINED
from engine.running.breaker import Breaker
from engine.running.deadlines import Deadlines
from engine.running.inquiry import Inquiry, Known, Means, attended
from engine.running.knowing import Knowing
from engine.running.native import tell_if_interpreted
from engine.running.outlook import Outlook
from engine.running.reload import First, first_book, following, remember
from engine.running.repeats import Answer, Repeats, agree, fingerprint
from engine.running.seeds import Seeds
from engine.running.slices import giving_way, slice_of
from engine.settings import Settings
from engine.stages import STAGES
from engine.stopwatch import Stopwatch
from engine.telemetry import Figures, Gauge
from engine.triggers.lookout import Lookout
from engine.triggers.outbox import Left
from engine.triggers.outreach import Tally
from engine.triggers.scored import Scored
from engine.triggers.triggers import SetOff

log = structlog.get_logger(__name__)

_RECALLED: Final = 10 * SECOND
"""How long before the last decision something may not have reached the journal yet."""

FORESIGHT: Final[Micros] = 5_000
"""How long before a decision its rules and model may have been asked; after that the decision is of another moment."""

OUTBOUND: Final = 1.0
"""Seconds a decision may take that nobody waits for."""

_AT_ONCE: Final = 20
"""Events joined before the loop may turn to waiting decisions."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time and chance come from; all of it is passed in.

    `now` is microseconds since the epoch, `monotonic` seconds for measuring, `seed` 64 random bits.
    """

    now: Callable[[], Micros] = lambda: time.time_ns() // 1_000
    monotonic: Callable[[], float] = time.monotonic
    seed: Callable[[], int] = field(default_factory=Seeds)


class AttuneEngine:
    """One engine over one data directory. All calls come from one event loop.

    `decide` touches neither disk nor network once the customer is in memory. What `record` and `put`
    have answered is on disk, and in the state before the next decision sees it.
    """

    def __init__(
        self,
        settings: Settings,
        edge: Edge,
        decider: Decider,
        sources: Sources,
        allowance: Allowance,
    ) -> None:
        self._edge = edge
        self._outbound = edge.outbound
        self._offers_topic = edge.offers_topic
        self._lookout = None if edge.outbound is None else edge.outbound.lookout
        self._caps = edge.caps
        self._allowance = allowance
        self._settings = settings
        self._state = edge.state
        self._capsules = edge.capsules
        self._elsewhere = edge.elsewhere
        self._refused_challenger: tuple[str, ...] = ()
        self.challenge_wanted = asyncio.Event()
        self._mind = edge.mind
        self._sources = sources
        self._status = RuleBookStatus(active_since=sources.now(), accepted=1)
        self.reload_wanted = asyncio.Event()
        self._repeats = Repeats(int(settings.request_ttl * SECOND))
        self._pending = edge.pending
        self._seating = Seating(decider, edge.caps, edge.pending, self._decider_by, self._cast)
        self._under_way: dict[str, Inquiry] = {}
        self._deadlines = Deadlines()
        self._means = Means(
            sources.monotonic,
            Knowing(edge.state, Breaker(edge.rest, sources.monotonic)),
            self._deadlines,
            edge.elsewhere,
            self._household,
            self._decide_for,
            self._foresee,
            Outlook(),
            self._under_way,
        )
        self.stopwatch = Stopwatch()
        self._background: set[asyncio.Task[None]] = set()
        self._story_teller = asyncio.Lock()

    @property
    def book(self) -> RuleBook:
        """The rule book in force."""
        return self._seating.usual.decider.book

    @property
    def champion(self) -> RuleBook:
        """See `engine.running.reload.Serving`."""
        return self._seating.seats.champion.book

    @property
    def rulebook_status(self) -> RuleBookStatus:
        """Since when it is in force, and what became of the last reload."""
        return replace(self._status, challenger=self._challenger())

    def _challenger(self) -> ChallengerStatus | None:
        seats, refused = self._seating.seats, self._refused_challenger
        if seats.challenge is None:
            return ChallengerStatus("", "", 0.0, "", refused) if refused else None
        plan, version = seats.challenge.plan, seats.challenge.book.version
        return ChallengerStatus(plan.name, str(plan.part), seats.share, version, refused)

    # --- the rule book --------------------------------------------------------------------------

    def reload_soon(self) -> None:
        """Has the files loaded again, changed or not; returns at once."""
        self.reload_wanted.set()
        self.challenge_wanted.set()

    def begin(self, first: First) -> None:
        """Notes how the service came by the book it begins with."""
        self._status = replace(self._status, loosened=first.found)
        if first.refused:
            self.refuse(first.refused)

    async def adopt(self, book: RuleBook, found: Sequence[Loosening]) -> None:
        """See `engine.running.reload.Serving`. The swap is one assignment, after everything else is done."""
        before = self.book
        await self._seating.adopt(book)
        if self.book is not before:
            self._note_in_force(found)
        self.confirm()
        self.challenge_wanted.set()

    async def challenge(self, challenge: Challenge | None) -> Sequence[str]:
        """See `engine.challenger.following.Contested`. The swap is one assignment, as of `adopt`."""
        before = self.book
        obstacles = await self._seating.challenge(challenge)
        now = self.book
        if now is not before:
            self._note_in_force(())
            found = await asyncio.to_thread(loosened, before, now, giving_way())
            if self.book is now:
                self._status = replace(self._status, loosened=found)
        return obstacles

    def warn(self, why: Sequence[str]) -> None:
        """See `engine.challenger.following.Contested`."""
        self._refused_challenger = tuple(why)

    async def take_up(self, learned: Mind) -> None:
        """Decides from now on by what was learned elsewhere; `learned` is the engine's own then.

        What the books in force read is made known to it. Decisions go on meanwhile.
        """
        await self._seating.take_up(self._mind, learned)

    def _note_in_force(self, found: Sequence[Loosening]) -> None:
        """Notes that another book decides now, and what it no longer asks."""
        if self._lookout is not None:
            self._lookout.follow(self.book)
        self._status = RuleBookStatus(
            active_since=self._sources.now(),
            loosened=tuple(found),
            accepted=self._status.accepted + 1,
            refused=self._status.refused,
        )

    async def _decider_by(
        self, book: RuleBook, caps: CapsGuard, common: Sequence[Guard] = (), *, unseen: bool = False
    ) -> Decider:
        """See `engine.challenger.seating.MakeDecider`."""
        return await _decider(
            book, self._state, self._mind, self._sources, self._pending, caps, self._allowance,
            common, unseen=unseen,
        )  # fmt: skip

    def _cast(self, plan: Plan, challenger: Decider) -> Casting:
        """Has the challenger decide unseen from now on."""
        data, known = self._settings.data, self._state.last_known
        return Casting(data, plan, challenger, known, self._sources.monotonic)

    def refuse(self, errors: Sequence[Diagnostic]) -> bool:
        """See `engine.running.reload.Serving`."""
        errors, before = tuple(errors), self._status
        self._status = replace(
            before,
            last_load_error=errors,
            last_load_error_time=self._sources.now(),
            refused=before.refused + 1,
        )
        return errors != before.last_load_error

    def confirm(self) -> None:
        """See `engine.running.reload.Serving`."""
        self._status = replace(self._status, last_load_error=(), last_load_error_time=0)

    async def recall(self) -> None:
        """Takes up the request ids answered before this process began."""
        since = self._sources.now() - int(self._settings.request_ttl * SECOND)
        for request in reversed(await self._state.recent_requests(since)):
            self._repeats.restore(request.request_id, request.decision_id, request.time)
        if self.book.measured:
            await self._recall_held_out()

    async def _recall_held_out(self) -> None:
        """Accepts what the last decisions held out once more, in case the process died before it did."""
        last = await self._state.last_decision()
        if last is None:
            return
        path, since = self._settings.data / DECISIONS, last.decided_at - _RECALLED
        records = await asyncio.to_thread(lambda: list(recorded(path, since)))
        for _, decision in records:
            await self._append_quietly(held_out(decision, self.book))

    def gauges(self) -> Sequence[Gauge | Figures]:
        """What operations watch."""
        return [
            Gauge(
                "attune_journal_backlog",
                "Accepted events not yet applied.",
                lambda: float(self._state.backlog),
            ),
            Gauge(
                "attune_offers_pending",
                "Decisions whose offers count as shown while nobody reports on them.",
                lambda: float(len(self._pending)),
            ),
            Gauge(
                "attune_exploration_given_up",
                "Expected value that exploration gave up today, where the rule book limits it.",
                lambda: self._allowance.given_up(
                    self._sources.now(), self.book.arbitration.exploration.timezone
                ),
            ),
            Gauge(
                "attune_model_drifts_total",
                "How often the model noticed that it had begun to foresee less well.",
                lambda: float(self._mind.learner.drift_count),
            ),
            Gauge(
                "attune_model_calibration_error",
                "Mean distance between expected and observed success; NaN before any response.",
                lambda: _or_nan(self._mind.learner.reliability.calibration_error),
            ),
            Gauge(
                "attune_challenger_refused",
                "Why the challenger does not decide as planned: how many reasons there are.",
                lambda: float(len(self._refused_challenger)),
            ),
            Gauge(
                "attune_challenger_share",
                "Share of customers the challenger decides for.",
                lambda: self._seating.seats.share,
            ),
            Figures(
                "attune_challenger_shadows",
                "What became of the decisions picked for the challenger's shadow.",
                "result",
                self._shadows,
            ),
            *self._of_triggers(),
            *self._caps.gauges(),
            *self._edge.gauges(),
        ]

    def _of_triggers(self) -> Sequence[Gauge | Figures]:
        outbound = self._outbound
        if outbound is None:
            return ()
        lookout, tally = outbound.lookout, outbound.tally
        return (
            Gauge(
                "attune_triggers_due",
                "What triggers ask for and is not done yet.",
                lambda: float(len(lookout.due)),
            ),
            Figures("attune_triggers", "What became of triggers.", "result", tally.by_result),
        )

    def _shadows(self) -> Mapping[str, float]:
        shadowing = self._seating.shadowing
        if shadowing is None:
            return {}
        missed = {str(why): float(number) for why, number in dict(shadowing.missed).items()}
        return {"made": float(shadowing.made), **missed}

    # --- decisions ----------------------------------------------------------------------------

    def decide_now(self, question: Question, deadline: float) -> Answer | bytes | None:
        """The answer, if nothing has to be waited for: the customer is in memory, and nothing to be explained.

        For a request answered before it is the reply that was given to `keep`.
        """
        if question.request_id and not question.dry_run:
            if question.request_id in self._under_way:
                return None
            if self._repeats.look(question, self._sources.now()) is not None:
                return self._repeats.reply(question.request_id)
            if self._elsewhere is not None:
                return None
        customer = self._state.known(question.customer_id)
        if customer is None or question.explain:
            return None
        side = self._side(question)
        household = self._household(customer)
        if household is not None and not isinstance(household, Unknown):
            record = self._state.known(household)
            if record is None:
                return None
            return self._decide_for(Known(customer, record), question, deadline, side)
        return self._decide_for(Known(customer, household), question, deadline, side)

    def _side(self, question: Question) -> Side:
        """Who makes this decision."""
        seating = self._seating
        if seating.contender is None:
            return seating.usual
        return seating.contender.side(question, self._sources.now())

    def keep(self, request_id: str, reply: bytes) -> None:
        """Keeps what a request was answered with, for when it comes again."""
        self._repeats.keep(request_id, reply)
        if self._elsewhere is not None:
            asked = self._repeats.asked(request_id)
            if asked is not None:
                self._elsewhere.answered(request_id, asked, reply)

    async def decide(
        self, question: Question, deadline: float, at_hand: Customer | None = None
    ) -> Answer | bytes:
        """The same as `decide_now`, by `deadline` (monotonic seconds), waiting where that must be.

        It is made by the book in force now, also if another takes over while something is waited for.
        Who has the customer `at_hand`, newer than any store, need not wait for them.

        Raises:
            UnknownPlacement: the book does not have a placement that an earlier one had.
        """
        side, asked = self._side(question), self._sources.monotonic()
        _check_placements(question, side.decider.book)
        if question.request_id and not question.dry_run:
            while (under_way := self._under_way.get(question.request_id)) is not None:
                await asyncio.wait([under_way.ended()])
            known = self._repeats.look(question, self._sources.now())
            if known is not None:
                return await self._again(question, known.decision_id)
        answer = await attended(Inquiry(self._means, question, deadline, side, at_hand))
        return answer if isinstance(answer, bytes) else await self._told(answer, asked)

    def inquire(self, question: Question, deadline: float) -> Inquiry | Attended:
        """The same as `decide`, for who goes on in the turn in which the answer is there.

        Raises:
            RequestConflict, UnknownPlacement: as `decide`.
        """
        side = self._side(question)
        _check_placements(question, side.decider.book)
        if question.explain or self._is_repeated(question):
            return Attended(partial(self.decide, question, deadline))
        return Inquiry(self._means, question, deadline, side)

    def _is_repeated(self, question: Question) -> bool:
        """Whether this request was answered here before, or is being answered. Raises RequestConflict."""
        if not question.request_id or question.dry_run:
            return False
        if question.request_id in self._under_way:
            return True
        return self._repeats.look(question, self._sources.now()) is not None

    async def _again(self, question: Question, decision_id: DecisionId) -> Answer | bytes:
        """The answer already given, from the journal if it is no longer at hand (without its trace)."""
        reply = self._repeats.reply(question.request_id)
        if reply is not None:
            return reply
        record = await self._state.decision(decision_id)
        if record is None:
            raise StorageError(f"decision {decision_id} could not be read back; ask with a new id")
        agree(question, fingerprint(record.question))
        return Answer(record.decision, self._capsules.seal(record.decision))

    async def _told(self, answer: Answer, asked: float) -> Answer:
        """The answer, with the story of its decision if it was asked for one; others are decided meanwhile.

        Stories are told one after the other: however many are asked for, a turn of the loop has one slice of one.
        `asked` is when it was, by the monotonic clock.
        """
        decision, clock = answer.decision, self._sources.monotonic
        telling = decision.telling
        if telling is None:
            return answer
        watch = telling.stopwatch
        took = watch.took(began=asked, parsed=asked, ended=watch.recorded)
        seconds = dict(zip(STAGES, took, strict=True))
        del seconds["parse"], seconds["encode"]  # those are for the edge to tell
        try:
            async with self._story_teller:
                began, told = clock(), False
                while not told:
                    told = telling.tell_some(slice_of(clock))
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            telling.leave()
            raise
        finally:
            decision.telling = None
        seconds["explain"] = clock() - began
        decision.trace = telling.trace({stage: took * 1e6 for stage, took in seconds.items()})
        return answer

    def _household(self, customer: Customer) -> CustomerId | Unknown | None:
        """Whose record to read for the customer's household; None if no policy asks for it."""
        asking = self._seating.asking
        return None if asking is None else household_of(customer, asking)

    def _decide_for(
        self,
        known: Known,
        question: Question,
        deadline: float,
        side: Side,
        foresight: Foresight | None = None,
    ) -> Answer:
        now, seed, clock = self._sources.now(), self._sources.seed(), self._sources.monotonic
        if foresight is not None and 0 <= now - foresight.now <= FORESIGHT:
            now = foresight.now
        stopwatch = Stopwatch() if question.explain else self.stopwatch
        stopwatch.known = clock()
        stopwatch.decision_id = decision_id(now, seed)
        budget = Budget(deadline, clock)
        given = Circumstances(
            stopwatch.decision_id,
            known.customer,
            now,
            seed,
            budget,
            known.degraded + self._caps.degraded,
            known.household,
            self._scored_for(question.customer_id),
            stopwatch,
            question.explain,
            foresight,
        )
        decider, casting = side.decider, self._seating.casting
        if casting is None:
            decision = decider.decide(question, given)
        else:
            decision = casting.shadowing.decide(decider, question, given)
        stopwatch.arbitrated = clock()
        if side.label:
            decision.holdout = JOINED.join(filter(None, (side.label, decision.holdout)))
        if question.dry_run:
            stopwatch.recorded = stopwatch.arbitrated
            return Answer(decision, b"")
        decider.commit(decision)
        self._spawn(held_out(decision, decider.book))
        if self._seating.contender is not None and not decision.given_up_today:
            zone = decider.book.arbitration.exploration.timezone
            decision.given_up_today = self._allowance.given_up(now, zone)
        answer = self._remember(question, decision)
        if self._elsewhere is not None and answer.token:
            self._elsewhere.decided(decision, answer.token, decider.counts_for)
        stopwatch.recorded = clock()
        return answer

    def _foresee(
        self, customer: Customer, question: Question, deadline: float, side: Side
    ) -> Foresight | None:
        """What may be known of a decision while it is asked whether the customer is still this one."""
        now, budget = self._sources.now(), Budget(deadline, self._sources.monotonic)
        return side.decider.foresee(
            question, Circumstances(DecisionId(""), customer, now, 0, budget)
        )

    def _scored_for(self, customer_id: CustomerId) -> Callable[[], Scored | None]:
        scored = self._edge.scored
        return unscored if scored is None else partial(scored, customer_id)

    def score(self, customer: Customer, channel: str) -> Scored:
        """What the model says of a customer now, on this channel (the book's first if it has no such one).

        Decisions that have no time to ask it go by that.
        """
        decider, now = self._seating.usual.decider, self._sources.now()
        if channel not in decider.book.channels:
            channel = decider.book.channels[0]
        propensities = decider.score(customer, channel, now)
        actions = [action.action_id for action in decider.book.actions]
        return Scored.of(channel, now, decider.model.version, actions, propensities)

    def _remember(self, question: Question, decision: Decision) -> Answer:
        """Hands the decision over to the journal; nothing here waits."""
        answered = any(not placed.fallback for placed in decision.placements)
        answer = Answer(decision, self._capsules.seal(decision) if answered else b"")
        if not self._state.record(DecisionRecord(question, decision)):
            lost = Degradation(Step.RECORD, "the journal is behind: responses join by token only")
            decision.degraded += (lost,)
        if question.request_id:
            self._repeats.note(question, decision)
        if question.interaction is not None:
            key = question.request_id or decision.decision_id
            event = Event(
                EventId(f"decide:{key}"),
                question.customer_id,
                decision.decided_at,
                question.interaction,
            )
            self._spawn([event])
        return answer

    def _spawn(self, events: Sequence[Event]) -> None:
        """Has events accepted that nobody waits for."""
        if not events:
            return
        task = asyncio.create_task(self._append_quietly(events))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _append_quietly(self, events: Sequence[Event]) -> None:
        try:
            if events:
                await self._state.append(events)
        except StorageError as error:
            ids = [event.event_id for event in events]
            log.warning("interaction.lost", event_ids=ids, error=str(error))

    async def finish(self) -> None:
        """Waits for what was begun and not waited for."""
        while self._background:
            await asyncio.wait(self._background)
        await self._seating.close()
        self._deadlines.close()

    # --- triggers -------------------------------------------------------------------------------

    def watch_with(self, lookout: Lookout) -> None:
        """The lookout knows the triggers of the book in force from now on, whichever that is."""
        self._lookout = lookout
        lookout.follow(self.book)

    async def note(self, events: Sequence[Event]) -> None:
        """Has events in the log; they are durable when it returns. Raises StorageError, Overloaded."""
        await self._state.append(events)

    async def answer(
        self, set_off: SetOff, at_hand: Customer | None = None
    ) -> Answer | bytes | None:
        """The decision a trigger asks for; the very reply given to `keep` if it was made before.

        None if the customer is damaged. Who applies the log has the customer `at_hand` as it will be
        stored; what others offered them lately is read all the same.

        Raises:
            UnknownPlacement, RequestConflict: as `decide`.
            StorageError: the customer cannot be read now.
        """
        try:
            await self._state.load(set_off.event.customer_id)
        except DamagedData:
            return None
        deadline = self._sources.monotonic() + OUTBOUND
        return await self.decide(set_off.question, deadline, at_hand)

    def offers(self, position: int, *, only_kept: bool = False) -> AsyncGenerator[Left, None]:
        """Every message of a trigger behind a position, in order; then, unless `only_kept`, each as it comes.

        Raises:
            NotFound: they are published elsewhere.
            OutOfRange: the position is beyond the newest; says so with the first message asked for.
        """
        if self._outbound is None:
            raise NotFound(
                f"this server belongs to a cluster: what triggers offer is published on Kafka's topic"
                f" {self._offers_topic}, for whoever sends it to read there"
            )
        return self._outbound.offers(position, only_kept=only_kept)

    # --- events and profiles --------------------------------------------------------------------

    async def record(self, events: Sequence[IncomingEvent]) -> list[EventResult]:
        """One result for each event, in order; an accepted one is on disk, and applied."""
        results: list[EventResult | None] = [None] * len(events)
        good: list[Event] = []
        places: list[int] = []
        for place, incoming in enumerate(events):
            if place % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                good.append(await self._join(incoming))
                places.append(place)
            except InvalidInput as error:
                results[place] = await self._refused(incoming, error)
        for place, status in zip(places, await self._append(good), strict=True):
            results[place] = EventResult(status)
        self._note_reported(good)
        return [result for result in results if result is not None]

    async def _with_households(self, events: Sequence[Event]) -> list[Event]:
        """The events, and a copy of each response for the record of the customer's household."""
        asking = self._seating.asking
        if asking is None:
            return list(events)
        copies = []
        for event in events:
            if isinstance(event.body, Response):
                customer = await self._customer_or_nobody(event.customer_id)
                household = household_of(customer, asking)
                if household is not None and not isinstance(household, Unknown):
                    copies.append(for_household(event, event.body, household))
        return [*events, *copies]

    async def _customer_or_nobody(self, customer_id: CustomerId) -> Customer:
        try:
            return self._state.known(customer_id) or await self._state.load(customer_id)
        except DamagedData:
            return Customer(customer_id)

    def _note_reported(self, events: Sequence[Event]) -> None:
        """What became of these offers is in the history now: they count by that."""
        for event in events:
            if isinstance(event.body, Response):
                exposure = event.body.exposure
                self._pending.reported(exposure.decision_id, exposure.action_id)

    async def _refused(self, incoming: IncomingEvent, error: InvalidInput) -> EventResult:
        """The result for an event that cannot be joined (any more): accepted once, it is a duplicate."""
        if await self._state.knows(incoming.event_id, incoming.customer_id):
            return EventResult(EventStatus.DUPLICATE)
        return EventResult(EventStatus.REJECTED, str(error))

    async def _append(self, events: Sequence[Event]) -> list[EventStatus]:
        if not events:
            await self._state.settled()
            return []
        statuses = await self._state.append(await self._with_households(events))
        await self._state.settled()
        return statuses[: len(events)]

    async def _join(self, incoming: IncomingEvent) -> Event:
        body = incoming.body
        if not isinstance(body, IncomingResponse):
            return joined(incoming, None, self.book)
        if body.token:
            exposure = self._capsules.open(body.token, incoming.customer_id, body.action_id)
        else:
            exposure = await self._look_up(incoming, body)
        return joined(incoming, exposure, self.book)

    async def _look_up(self, incoming: IncomingEvent, body: IncomingResponse) -> Exposure:
        record = await self._state.decision(body.decision_id)
        if record is None:
            return await self._look_elsewhere(incoming, body)
        return exposure_of(record.decision, incoming.customer_id, body.action_id)

    async def _look_elsewhere(self, incoming: IncomingEvent, body: IncomingResponse) -> Exposure:
        """The offer answered, by the decision of another server."""
        token = None
        if self._elsewhere is not None:
            token = await self._elsewhere.token(incoming.customer_id, body.decision_id)
        if token is None:
            raise unknown_decision(body.decision_id)
        return self._capsules.open(token, incoming.customer_id, body.action_id)

    async def put(self, updates: Sequence[ProfileUpdate]) -> None:
        """Writes the profiles; accepted and, within reason, applied when it returns.

        A later call wins, also when the clock was ahead before: no update is stamped earlier than
        the customer's last one. Of a damaged customer the update is kept in the log only.
        """
        stamped = await asyncio.gather(*[self._stamped(update) for update in updates])
        await self._state.append(stamped)
        await self._state.applied()

    async def _stamped(self, update: ProfileUpdate) -> ProfileUpdate:
        """The update, at the time of the customer's last one at the earliest."""
        try:
            customer = self._state.known(update.customer_id) or await self._state.load(
                update.customer_id
            )
        except DamagedData:
            return update
        if customer.updated_at <= update.time:
            return update
        return replace(update, time=customer.updated_at)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """A customer with their interaction history; None if nobody has heard of them."""
        customer = self._state.known(customer_id) or await self._state.load(customer_id)
        heard_of = customer.updated_at or customer.touches or customer.interactions
        return customer if heard_of else None


def _check_placements(question: Question, book: RuleBook) -> None:
    for at in question.placements:
        if at not in book.placements:
            raise UnknownPlacement(
                f"placements: '{at}' is not in the rule book that just took over"
            )


async def _decider(
    book: RuleBook,
    state: State,
    mind: Mind,
    sources: Sources,
    pending: Pending,
    caps: CapsGuard,
    allowance: Allowance,
    common: Sequence[Guard] = (),
    *,
    unseen: bool = False,
) -> Decider:
    """A decider by this book, under its own limits and those in `common`. What it lets customers' features be read by is on disk before it decides.

    For 2,000 actions this takes about 30 ms, which is why it is built in a thread; only what touches
    the learner stays on the event loop. If the book is the first to ask what was offered lately, that
    is read from the log of decisions; what is offered meanwhile is noted already. One that decides
    `unseen` sees of offers only those made before the moment it decides at.
    """
    curriculum = Curriculum.for_book(book)
    if curriculum.courses:
        await asyncio.to_thread(import_module, "engine.learning.panel")  # river, for a second
    await state.note_schema(curriculum.digest, curriculum.to_dict())
    await state.settled()
    model = bind(mind, book, curriculum)
    _announce(mind, book, curriculum)
    await _take_up(state, sources.now(), pending, book.contact.remembers)
    await _recall_given_up(state, sources.now(), allowance, book.arbitration.exploration)
    offers = Beforehand(pending) if unseen else pending
    guards = partial(guards_of, book, offers, caps, lambda: mind.learner.evidence)

    def build() -> Decider:
        clock = sources.monotonic
        decider = Decider(book, model, clock, (*guards(), *common), allowance, consulted(model))
        decider.prepare(sources.now())
        return decider

    return await asyncio.to_thread(build)


def _announce(mind: Mind, book: RuleBook, curriculum: Curriculum) -> None:
    """Says in the log which models begin with nothing."""
    for name in beginners(mind, curriculum):
        after = next(spec.answers_after for spec in book.models.others if spec.name == name)
        log.info(
            "model.begins",
            model=name,
            message=f"it learns from now on; the default model answers until it has learned from {after} exposures",
        )


async def _recall_given_up(
    state: DecisionStore, now: Micros, allowance: Allowance, exploration: Exploration
) -> None:
    """Has `allowance` know what was given up today, once a book limits it.

    Where that cannot be read, nothing more is given up today.
    """
    if exploration.give_up_per_day is None or allowance.told:
        return
    try:
        allowance.restore(await state.last_decision(), now, exploration.timezone)
    except StorageError as error:
        allowance.close(now, exploration.timezone)
        log.error("exploration.unreadable", error=str(error))  # noqa: TRY400  # the cause is in the text


async def _take_up(
    state: DecisionStore, now: Micros, pending: Pending, assume_shown: Micros
) -> None:
    """Has `pending` know all offers of the last `assume_shown` microseconds.

    Where they cannot be read, everybody counts as uncertain until they would count no longer.
    """
    if assume_shown <= pending.assume_shown:
        return
    pending.assume_shown = assume_shown
    try:
        for returned in await state.recent_offers(now - assume_shown):
            pending.note(returned)
    except StorageError as error:
        pending.doubt(now + assume_shown)
        log.error("offers.unreadable", error=str(error))  # noqa: TRY400  # the cause is in the text


@asynccontextmanager
async def open_engine(
    settings: Settings,
    sources: Sources | None = None,
    compiled: Compile = compile_apart,
    before: Look | None = None,
) -> AsyncIterator[AttuneEngine]:
    """An engine over `settings.data`, deciding by the book in `settings.rules`; closed in order.

    While it is open its book follows the files there, unless `settings.watch` says otherwise.
    `before` is how they looked when `compiled` began to read them, if it has begun already.

    Raises:
        BrokenRuleBook: the book has mistakes; nothing was opened.
        StorageError: the data directory is in use, damaged, or cannot be read.
    """
    sources = sources or Sources()
    before = look(settings.rules) if before is None else before
    tell_if_interpreted()
    first = await first_book(settings, compiled)
    async with (
        _embedded(settings, first.book, sources) as edge,
        running(settings, edge, first, before, sources, compiled) as engine,
    ):
        del first  # held here, the first book would never go
        yield engine


@asynccontextmanager
async def running(
    settings: Settings, edge: Edge, first: First, before: Look, sources: Sources, compiled: Compile
) -> AsyncIterator[AttuneEngine]:
    """An engine over an edge, which outlasts it; it begins with the `first` book and follows the files.

    `before` is how the files looked before they were loaded.

    Raises:
        StorageError: what the book needs could not be written, or what was decided lately not be read.
    """
    state, allowance = edge.state, Allowance()
    decider = await _decider(
        first.book, state, edge.mind, sources, edge.pending, edge.caps.in_force, allowance
    )
    engine = AttuneEngine(settings, edge, decider, sources, allowance)
    engine.begin(first)
    await remember(settings, first.book.version, first.loaded.files)
    await engine.recall()
    del first, decider  # held here, the first book would never go
    try:
        async with (
            following(engine, settings, compiled, before),
            challenging(engine, settings, compiled),
            _reaching(edge, engine),
        ):
            yield engine
    finally:
        await engine.finish()


def _reaching(edge: Edge, engine: AttuneEngine) -> AbstractAsyncContextManager[None]:
    """Does what triggers ask for, where this process does."""
    return nullcontext() if edge.outbound is None else edge.outbound.reaching(engine)


@asynccontextmanager
async def _embedded(settings: Settings, book: RuleBook, sources: Sources) -> AsyncIterator[Edge]:
    """One process over one data directory, which learns from its own log."""
    mind = Mind()
    lookout = Lookout(book, sources.now)
    state = await Embedded.open(
        settings.data,
        teach=partial(teach_aloud, mind),
        register=mind.register,
        snapshot=mind.snapshot,
        restore=mind.restore,
        clock=sources.now,
        limits=Limits(remember_ids=int(settings.lateness * SECOND) + DAY),
        onlooker=lookout,
    )
    try:
        async with _caps(settings, state, book, sources) as caps, _box(settings, sources) as box:
            del book  # held here, the first book would never go
            await state.begin_run()
            capsules = open_capsules(settings.data, settings.seal_key_file)
            tally = Tally()
            reach = partial(reaching, state, lookout, box, tally, sources.now)
            outbound = Outbound(lookout, box.follow, reach, tally)
            yield Edge(state, mind, caps, capsules, Pending(keep=state.returned), outbound=outbound)
    finally:
        await state.close()


def teach_aloud(mind: Mind, lesson: Lesson) -> None:
    """Teaches the next lesson of the log, and says so if by it the world seems to have changed."""
    known = mind.learner.drift_count
    mind.teach(lesson)
    if mind.learner.drift_count > known:
        log.warning("model.drifted", lesson=mind.learner.version)


def _or_nan(figure: float | None) -> float:
    return math.nan if figure is None else figure


@asynccontextmanager
async def _box(settings: Settings, sources: Sources) -> AsyncIterator[OfferBox]:
    """Where what triggers offer is left."""
    box = OfferBox(settings.data / OFFERS, asyncio.get_running_loop(), sources.now())
    try:
        yield box
    finally:
        await asyncio.to_thread(box.close)


@asynccontextmanager
async def _caps(
    settings: Settings, state: Embedded, book: RuleBook, sources: Sources
) -> AsyncIterator[Caps]:
    """The accounts of the caps, tended while they are open."""
    caps = await Caps.open(settings.data, state, book, sources.now)
    del book  # held here, the first book would never go
    tending = asyncio.create_task(_tend(caps))
    try:
        yield caps
    finally:
        tending.cancel()
        await asyncio.wait([tending])
        await caps.close()


async def _tend(caps: Caps) -> None:
    while True:
        await asyncio.sleep(TICK)
        caps.tend()
