"""The words everything else is written in: ids, values, customers, interactions, offers, responses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final, NamedTuple, NewType, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.grounds import Grounds
from engine.stopwatch import Stopwatch

CustomerId = NewType("CustomerId", str)
ActionId = NewType("ActionId", str)
TreatmentId = NewType("TreatmentId", str)
PlacementId = NewType("PlacementId", str)
DecisionId = NewType("DecisionId", str)
EventId = NewType("EventId", str)

Micros: TypeAlias = int
"""A moment as microseconds since 1970-01-01T00:00Z, or a length of time in microseconds."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


NOT_DELIVERED: Final = "not_delivered"
"""The outcome that takes back an impression: what did not arrive was not seen, and used up no share."""


class Unknown(Enum):
    """The type of `UNKNOWN`, so that `is UNKNOWN` narrows in type checkers."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN
"""The value of an attribute that is missing and not nullable: nothing can be said of it."""

Value: TypeAlias = (
    bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"] | Unknown | None
)
"""An attribute's value. None is null, which is known; `UNKNOWN` is not.

Timestamps and durations are ints in microseconds (`Micros`): the declared type says which is which.
"""


class Stage(IntEnum):
    """The funnel, in order. Numbers equal `attune.v1.Reason.Stage`."""

    AVAILABILITY = 1
    ELIGIBILITY = 2
    APPLICABILITY = 3
    SUITABILITY = 4
    CONSENT_AND_CONTACT = 5
    CAPS_AND_BUDGETS = 6
    PROPENSITY_THRESHOLD = 7
    ARBITRATION = 8
    PLACEMENT = 9


class Step(IntEnum):
    """A step that can be skipped when the budget runs short. Numbers equal `Degradation.Step`."""

    PROFILE = 1
    PROPENSITY = 2
    RULES = 3
    RECORD = 4
    CAPS = 5


class Degradation(NamedTuple):
    """Which step was skipped, and why."""

    step: Step
    reason: str


# --- what is known of a customer -------------------------------------------------------------


@dataclass(slots=True)
class Touch:
    """One offer made to a customer and what became of it: a line of the interaction history.

    `outcomes` maps an outcome to the earliest time it was reported and the value reported with it.
    `taught` is the reward the model has learned for this offer so far, None before any exposure.
    """

    decision_id: DecisionId
    action_id: ActionId
    channel: str
    placement: PlacementId
    decided_at: Micros
    outcomes: dict[str, tuple[Micros, float]] = field(default_factory=dict)
    taught: float | None = None


class PastInteraction(NamedTuple):
    """Something the customer did that was no answer to an offer; `event_id` tells two alike apart.

    `details` are what is kept of its attributes (see `engine.interactions`), not to be changed.
    """

    time: Micros
    type: str
    channel: str
    event_id: EventId = EventId("")
    details: Mapping[str, Value] = {}


@dataclass(slots=True)
class Customer:
    """A person the firm knows: profile, interaction history, and sums over it.

    Attributes:
        attributes: the profile by declared name; absent names are missing.
        updated_at: when the profile was last written; 0 if never.
        as_of: for attributes last written before `updated_at`, when that was; for removed ones,
            when they were removed.
        touches: the interaction history, ordered by (`decided_at`, `decision_id`, `action_id`);
            the newest 1,000 (see `engine.respond`).
        interactions: what else happened, ordered by time; 1,000 at most (see `engine.interactions`).
        counts: offers among `touches` that had each outcome, by outcome.
        last: the latest time each outcome was ever reported for, by outcome.
        observations: of measured actions, ordered by (`first`, action, treated); the newest 24.
        revision: grows with every change, so that what was derived from it can be kept.
    """

    customer_id: CustomerId
    attributes: dict[str, Value] = field(default_factory=dict)
    updated_at: Micros = 0
    as_of: dict[str, Micros] = field(default_factory=dict)
    touches: list[Touch] = field(default_factory=list)
    interactions: list[PastInteraction] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    last: dict[str, Micros] = field(default_factory=dict)
    revision: int = field(default=0, compare=False)
    observations: "list[Observation]" = field(default_factory=list)


# --- the question and the answer -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something a customer did: `attributes` are checked against the declared types where declared."""

    type: str
    channel: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller asks: one `DecideRequest`, already valid against the active rule book.

    `max_offers` 0 means as many as the placement has slots.
    """

    customer_id: CustomerId
    channel: str
    placements: tuple[PlacementId, ...]
    context: Mapping[str, Value] = field(default_factory=dict)
    request_id: str = ""
    interaction: Interaction | None = None
    max_offers: int = 0
    explain: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Offer:
    """One treatment of one action, chosen for one slot. Field meanings as in `attune.v1.Offer`."""

    action_id: ActionId
    treatment_id: TreatmentId
    issue: str
    group: str
    rank: int
    priority: float
    propensity: float
    value: float
    probability: float
    content: Mapping[str, str]
    bundle: str = ""


@dataclass(slots=True)
class PlacementOffers:
    """What to show in one placement; `fallback` when nobody's offer fits."""

    placement: PlacementId
    offers: list[Offer]
    fallback: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate is out. `unknown` tells "cannot be told" from "is not so"."""

    stage: Stage
    code: str
    unknown: bool
    detail: str
    place: str
    saw: Mapping[str, str]


class Factors(NamedTuple):
    """P · C · V · L and their product, as used: a factor that is switched off is 1."""

    propensity: float
    context: float
    value: float
    lever: float
    priority: float


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """One action in one placement: its factors (None if out before scoring), rank (0 if not shown).

    `notes` are worth knowing and no reasons, such as an override of its lever.
    """

    action_id: ActionId
    treatment_id: TreatmentId | None
    placement: PlacementId
    rank: int
    factors: Factors | None
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything considered, for a decision asked to explain itself. Timings in microseconds."""

    candidates: tuple[CandidateTrace, ...]
    timings_us: Mapping[str, float]


class Telling(Protocol):
    """The story of a decision while it is told; `stopwatch` is that of the decision alone."""

    stopwatch: Stopwatch

    def tell_some(self, enough: Callable[[], bool]) -> bool:
        """Tells of one action after the other until `enough` says so, of one at least; True once of all."""

    def trace(self, timings_us: Mapping[str, float]) -> Trace:
        """The whole story; tells what is not told yet."""

    def leave(self) -> None:
        """Nobody wants to hear the rest: nothing of it is kept until the garbage collector finds it."""


class Contest(NamedTuple):
    """All that competed for one placement; arrays that are not to be changed.

    `actions` (indexes of the book) and `priorities` are parallel. The others are over all actions of
    the book; `propensities` is None if the model was not asked. `calm` says why nothing was tried out
    here though the policy explores; empty if chance had its say. It is not recorded. `weighed` says that
    each priority is `propensity · (context · value · lever)`, to the last bit.
    """

    placement: PlacementId
    actions: npt.NDArray[np.intp]
    priorities: npt.NDArray[np.float64]
    propensities: npt.NDArray[np.float64] | None
    context: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    lever: npt.NDArray[np.float64]
    calm: str = ""
    weighed: bool = False


@dataclass(slots=True)
class Decision:
    """The answer to a `Question`, and what recording and replaying it needs.

    Attributes:
        seed: where its chance came from (`engine.exploration.chance`).
        values: the attribute values the rules saw, in the order of `RuleBook.attributes`.
        features: what the model saw, in the order of `FeatureSchema.names`; None if it was not asked.
        schema: `FeatureSchema.digest` of those features.
        telling: the story that is still to be told, of one asked to explain itself; then `trace` is it.
        contests: what competed for each placement, for the log.
        household: whose record stands for the customer's household; None if there is none.
        grounds: what else it rested on, for replaying it; None if that was not recorded.
        given_up: expected value that exploration gave up, in the unit of the priority; 0 if the book
            does not limit it, as the next.
        given_up_today: the same, of all decisions of the day up to this one, once it is committed.
        held_out: the measured actions that would have been offered, had no holdout kept them back.
    """

    decision_id: DecisionId
    customer_id: CustomerId
    request_id: str
    channel: str
    decided_at: Micros
    seed: int
    placements: list[PlacementOffers]
    rulebook_version: str
    model_version: str
    holdout: str
    degraded: tuple[Degradation, ...]
    values: Sequence[Value]
    features: Sequence[Value] | None
    schema: str
    contests: tuple[Contest, ...] = field(default=(), compare=False)
    household: CustomerId | None = field(default=None, compare=False)
    grounds: Grounds | None = field(default=None, compare=False)
    trace: Trace | None = None
    telling: Telling | None = field(default=None, compare=False, repr=False)
    given_up: float = field(default=0.0, compare=False)
    given_up_today: float = field(default=0.0, compare=False)
    held_out: tuple[ActionId, ...] = field(default=(), compare=False)


# --- what comes back --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncomingResponse:
    """A response as a caller reports it, not yet joined to its decision.

    The decision is named by its sealed `token` or, where that is empty, by `decision_id`; one of the
    two is always there. `value` is finite.
    """

    action_id: ActionId
    token: bytes
    decision_id: DecisionId
    outcome: str
    value: float


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as a caller reports it: well-formed and neither too old nor too far ahead."""

    event_id: EventId
    customer_id: CustomerId
    time: Micros
    body: Interaction | IncomingResponse


class EventStatus(IntEnum):
    """What became of an event. Numbers equal `attune.v1.EventResult.Status`."""

    ACCEPTED = 1
    DUPLICATE = 2
    REJECTED = 3


class EventResult(NamedTuple):
    """What became of an event; `reason` is a sentence for people, empty unless it was rejected."""

    status: EventStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What learning needs to know of one offer: taken from the sealed token or the decision's record.

    `features` are the raw feature values the model saw (order of `FeatureSchema.names` of `schema`);
    None if the model was not asked, and then the offer teaches nothing.
    """

    decision_id: DecisionId
    action_id: ActionId
    group: str
    channel: str
    placement: PlacementId
    decided_at: Micros
    probability: float
    propensity: float
    schema: str
    features: Sequence[Value] | None


@dataclass(frozen=True, slots=True)
class Response:
    """What the customer did with an offer, joined to the exposure it answers.

    `reward` in [0, 1] is settled when the response is accepted (from the book then in force), so that
    replaying the journal needs no book; None if it teaches nothing: an outcome declared so or not
    declared, a response after the window, or an offer the model was not asked about. `measure` is
    settled then too: None unless the action is measured and the response says that it was shown.
    """

    exposure: Exposure
    outcome: str
    value: float
    reward: float | None
    measure: "Measure | None" = None

    @property
    def is_held_out(self) -> bool:
        """Whether it stands for an offer that only a holdout kept from being made: nothing was shown."""
        return self.measure is not None and not self.measure.treated


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one customer at one time; applied once per `event_id`."""

    event_id: EventId
    customer_id: CustomerId
    time: Micros
    body: Interaction | Response


@dataclass(frozen=True, slots=True)
class ProfileUpdate:
    """Attributes of one customer to be written; None removes an attribute."""

    customer_id: CustomerId
    time: Micros
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One lesson: this offer earned `reward`, of which `taught` has been learned already.

    `taught` is None at the first exposure (the model then learns `reward` as the label); otherwise
    the lesson is the correction from `taught` to `reward`, both in [0, 1]. `taken_back` says that the
    offer was not delivered after all: the label 0 that its exposure taught is to be unlearned.
    """

    decision_id: DecisionId
    action_id: ActionId
    group: str
    channel: str
    schema: str
    features: Sequence[Value]
    reward: float
    taught: float | None
    taken_back: bool = False


# --- what an action changes -------------------------------------------------------------------


class Measure(NamedTuple):
    """What is observed of an action besides responses: whether `outcome` happens `within` so long.

    `outcome` is the type of an interaction. `treated` tells those who were shown the action from those
    who would have been, and were held out.
    """

    outcome: str
    within: Micros
    treated: bool


@dataclass(slots=True)
class Observation:
    """One customer, one action, one period: were they treated, and did the outcome happen?

    Periods are as long as the measure says, and begin at multiples of that since 1970. `first` and
    `last` are the earliest and the latest decision of the period by which the customer was shown the
    action, or would have been. `features` (raw, by `schema`) are what the model saw at the decision
    that was reported first; `taught` is what has been learned of the outcome so far.
    """

    action_id: ActionId
    measure: Measure
    period: int
    first: Micros
    last: Micros
    schema: str
    features: Sequence[Value]
    taught: bool = False


@dataclass(frozen=True, slots=True)
class UpliftLesson:
    """One lesson about what an action changes: did `outcome` happen to somebody treated, or held out?

    `taught` is None at first (the model then learns `happened` as the label); otherwise it is what
    was learned before, and the lesson is the correction to `happened`.
    """

    action_id: ActionId
    outcome: str
    treated: bool
    schema: str
    features: Sequence[Value]
    happened: bool
    taught: bool | None


Lesson: TypeAlias = TrainingExample | UpliftLesson
"""What the log teaches."""
