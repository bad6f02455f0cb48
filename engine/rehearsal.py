"""Rehearse: the tests marketing wrote beside the rules, played through the whole journey of a decision."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.circumstances import Circumstances
from engine.contact.household import household_of
from engine.deadline import Budget
from engine.decide import Decider
from engine.features import FeatureSchema
from engine.learning.evidence import Evidence, imagined
from engine.limits.guards import guards_of
from engine.model import (
    ActionId,
    CandidateTrace,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    EventId,
    Exposure,
    Interaction,
    Micros,
    ProfileUpdate,
    Question,
    Reason,
    Response,
    Unknown,
    Value,
)
from engine.rulebook.book import Exploration, RuleBook
from engine.rulebook.case import Case, Expectation, Expects
from engine.rulebook.trial import Trials
from engine.topology import apply

EVEN: Final = 0.1
"""The propensity of every action a test does not give one for: nothing has been learned yet."""

_WHO: Final = CustomerId("the customer of the test")
_SEED: Final = 1


class Verdict(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Absence:
    """An action that was not offered where it should have been, or not for the reason expected.

    One that was offered elsewhere in the order has no reasons; `standing` says where and by what.
    """

    action_id: ActionId
    reasons: tuple[Reason, ...]
    standing: str = ""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One expectation that was not met: what came instead, and why what is missing is missing."""

    expected: Expectation
    came: str
    absences: tuple[Absence, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How one test ended."""

    case: Case
    verdict: Verdict
    shortfalls: tuple[Shortfall, ...] = ()


class Even:
    """A model that has learned nothing: `EVEN` for every action, unless a propensity is given.

    Of a measured action it is what the action changes, by default what the book expects.
    """

    lessons = 0
    version = "even"

    def __init__(self, book: RuleBook, given: Mapping[ActionId, float]) -> None:
        self.evidence = Evidence()
        self.features = FeatureSchema(())
        usual = {name: measured.expected for name, measured in book.measured.items()} | {**given}
        self._propensities = np.array([usual.get(a.action_id, EVEN) for a in book.actions])

    def predict(
        self,
        features: Sequence[Value],  # noqa: ARG002  # the model's contract
        channel: str,  # noqa: ARG002
        actions: npt.NDArray[np.intp],
    ) -> npt.NDArray[np.float64]:
        """The propensity of each of `actions` (indexes of the book), shape (K,)."""
        propensities: npt.NDArray[np.float64] = self._propensities[actions]
        return propensities


class Rehearsal:
    """Plays the tests of one book; `now` is the time of tests that name none.

    Nothing is left to chance: the best always wins, and a test that passes passes every time. Nobody
    is in a holdout or an experiment unless the test says so.
    """

    def __init__(self, book: RuleBook, now: Micros) -> None:
        self._now = now
        self._book = calm(book)
        self._trials = book.trials
        self._actions = tuple(action.action_id for action in book.actions)

    def play(self, case: Case) -> Rehearsed:
        """Decides the question of a test and compares."""
        decision = self.decide(case)
        found = (_shortfall(expected, decision) for expected in case.expected)
        shortfalls = tuple(shortfall for shortfall in found if shortfall)
        return Rehearsed(case, Verdict.FAILED if shortfalls else Verdict.PASSED, shortfalls)

    def decide(self, case: Case) -> Decision:
        """The decision of a test, explained."""
        now = self._now if case.now is None else case.now
        question = Question(
            customer_id=_WHO,
            channel=case.channel,
            placements=case.placements,
            context=case.context,
            max_offers=case.max_offers,
            explain=True,
            dry_run=True,
        )
        others = tuple(_past_offers(case, now, to_household=True))
        customer = remembered(case, now)
        caps = _used(self._book, case, now)
        evidence = imagined({**dict.fromkeys(self._actions, math.inf), **case.positives})
        book = replace(self._book, trials=self._trials.only(case.holdout))
        given = {**case.propensities, **case.uplift}
        return decided(book, question, customer, now, given, others, caps, evidence)


def calm(book: RuleBook) -> RuleBook:
    """The same book, but nothing is left to chance: the best always wins, and nobody is held out."""
    untrained = book.arbitration.exploration.untrained
    greedy = Exploration("greedy", untrained=untrained)
    return replace(
        book,
        arbitration=replace(book.arbitration, exploration=greedy),
        trials=Trials(),
        measured={name: one._replace(keep_trying=0.0) for name, one in book.measured.items()},
    )


def decided(
    book: RuleBook,
    question: Question,
    customer: Customer,
    now: Micros,
    propensities: Mapping[ActionId, float] | None = None,
    household: Sequence[Event] = (),
    caps: CapsGuard | None = None,
    evidence: Evidence | None = None,
) -> Decision:
    """What `book` decides with all the time in the world and a model that has learned nothing.

    `household` is what happened to others of the customer's household; `caps` those of the book, by
    default with nothing used up; `evidence` is what has been seen of each action, by default enough.
    """
    seen = None if evidence is None else lambda: evidence
    guards = guards_of(book, caps=caps, evidence=seen)
    decider = Decider(book, Even(book, propensities or {}), lambda: 0.0, guards)
    given = Circumstances(
        DecisionId("rehearsal"),
        customer,
        now,
        _SEED,
        Budget(3_600.0, lambda: 0.0),
        household=_household(decider, customer, household),
    )
    return decider.decide(question, given)


def _used(book: RuleBook, case: Case, now: Micros) -> CapsGuard:
    """The caps of a book, of which is used what the test says."""
    guard = CapsGuard(book, Ledger(Fleeting()))
    for used in case.used:
        for meter in guard.meters:
            if (meter.cap.name, meter.cap.wording) == (used.cap, used.key):
                meter.account(now).confirmed = meter.cap.units(used.amount)
    return guard


def _household(
    decider: Decider, customer: Customer, others: Sequence[Event]
) -> Customer | Unknown | None:
    """The record of the customer's household, to which `others` happened."""
    key = household_of(customer, decider.book) if decider.asks_for_households else None
    if key is None or isinstance(key, Unknown):
        return key
    record = Customer(key)
    for event in others:
        apply(record, event)
    return record


def remembered(case: Case, now: Micros) -> Customer:
    """The customer of a test, as the same events and updates would have made them."""
    customer = Customer(_WHO)
    for entry in sorted(_past(case, now), key=lambda entry: entry.time):
        apply(customer, entry)
    return customer


def _past(case: Case, now: Micros) -> Iterator[Event | ProfileUpdate]:
    yield ProfileUpdate(_WHO, now, case.customer)
    yield from _past_offers(case, now, to_household=False)
    for at, event in enumerate(case.events):
        for time in range(event.times):
            channel = event.channel or case.channel
            interaction = Interaction(event.type, channel, event.attributes)
            yield Event(EventId(f"event-{at}-{time}"), _WHO, now - event.ago, interaction)


def _past_offers(case: Case, now: Micros, *, to_household: bool) -> Iterator[Event]:
    """What became of offers to the customer, or to the others of their household."""
    for at, offer in enumerate(case.history):
        for time in range(offer.times if offer.to_household is to_household else 0):
            exposure = Exposure(
                decision_id=DecisionId(f"past-{at}-{time}"),
                action_id=offer.action_id,
                group="",
                channel=offer.channel or case.channel,
                placement=offer.placement or case.placements[0],
                decided_at=now - offer.ago,
                probability=1.0,
                propensity=EVEN,
                schema="",
                features=None,
            )
            response = Response(exposure, offer.outcome, offer.value, None)
            yield Event(EventId(f"past-{at}-{time}"), _WHO, now - offer.ago, response)


# --- comparing ----------------------------------------------------------------------------------


def _shortfall(expected: Expectation, decision: Decision) -> Shortfall | None:
    """What is missing; None if the expectation is met."""
    offered = [o.action_id for placed in decision.placements for o in placed.offers if o.action_id]
    wanted = list(expected.actions)
    if _met(expected, decision, offered):
        if not expected.reason or expected.reason in _codes(wanted[0], decision):
            return None
        return Shortfall(expected, "other reasons", _absences(wanted, (), decision))
    shown = _shown(decision)
    if expected.kind is Expects.NOT:
        return Shortfall(expected, f"{wanted[0]} was offered: {shown}")
    present = offered[:1] if expected.kind is Expects.FIRST else offered
    return Shortfall(expected, shown, _absences(wanted, present, decision))


def _met(expected: Expectation, decision: Decision, offered: list[ActionId]) -> bool:
    wanted = list(expected.actions)
    match expected.kind:
        case Expects.FIRST:
            return offered[:1] == wanted
        case Expects.OFFERS:
            return offered == wanted
        case Expects.ONLY:
            return sorted(offered) == sorted(wanted)
        case Expects.IN_ORDER:
            return [action for action in offered if action in wanted] == wanted
        case Expects.INCLUDES:
            return set(wanted) <= set(offered)
        case Expects.ANY_OF:
            return not set(wanted).isdisjoint(offered)
        case Expects.NOT:
            return wanted[0] not in offered
        case Expects.FALLBACK:
            return decision.placements[0].fallback is expected.wanted


def _shown(decision: Decision) -> str:
    """What was offered, placement by placement.

    A placement's name is told only where there are several.
    """
    several = len(decision.placements) > 1
    told = []
    for placed in decision.placements:
        names = "the fallback"
        if not placed.fallback:
            names = ", ".join(offer.action_id for offer in placed.offers)
        told.append(f"{placed.placement}: {names}" if several else names)
    return "; ".join(told)


def _candidates(action: ActionId, decision: Decision) -> list[CandidateTrace]:
    trace = decision.trace
    return [c for c in trace.candidates if c.action_id == action] if trace else []


def _codes(action: ActionId, decision: Decision) -> set[str]:
    return {reason.code for c in _candidates(action, decision) for reason in c.reasons}


def _absences(
    wanted: Iterable[ActionId], present: Iterable[ActionId], decision: Decision
) -> tuple[Absence, ...]:
    """Why those who are wanted and not present are out: the same reason in two placements once."""
    return tuple(
        Absence(action, _reasons(action, decision), _standing(action, decision))
        for action in wanted
        if action not in present
    )


def _standing(action: ActionId, decision: Decision) -> str:
    """Where an offered action stands and what came before it, with their priorities; else empty."""
    for placed in decision.placements:
        at = next((n for n, o in enumerate(placed.offers) if o.action_id == action), None)
        if at is not None:
            before = ", ".join(f"{o.action_id} {o.priority:.4g}" for o in placed.offers[:at])
            said = f"was offered, with priority {placed.offers[at].priority:.4g}"
            return f"{said}, after {before}" if before else said
    return ""


def _reasons(action: ActionId, decision: Decision) -> tuple[Reason, ...]:
    """All reasons; "no treatment here" only if there is no other."""
    reasons = {
        (reason.code, reason.place, reason.detail): reason
        for candidate in _candidates(action, decision)
        for reason in candidate.reasons
    }
    telling = [r for r in reasons.values() if r.code != "availability.no_treatment"]
    return tuple(telling or reasons.values())
