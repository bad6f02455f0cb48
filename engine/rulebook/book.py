"""A loaded rule book: plain, immutable data plus the functions compiled from its conditions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import lru_cache
from types import CodeType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from engine.model import ActionId, Micros, PlacementId, Stage, TreatmentId, Value
from engine.native import native
from engine.rulebook.answer_limit import AnswerLimit
from engine.rulebook.bundle import Bundle
from engine.rulebook.cap import Cap
from engine.rulebook.contact import Contact
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.influencer import Influencer
from engine.rulebook.model_spec import Models, ModelSpec
from engine.rulebook.stop import Stop
from engine.rulebook.trial import Trials
from engine.rulebook.trigger import Trigger
from engine.rulebook.window import Window

Truth: TypeAlias = bool | None
"""Kleene's three values; None is unknown."""


PROTECTED: Final = frozenset({"protected", "sensitive"})
"""The sensitivity classes of attributes that are kept, but that nothing may be decided by."""


class Kind(StrEnum):
    """The kinds of attribute types."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Type:
    """An attribute's type; `element` is a list's or map's element type, None for scalars.

    >>> str(Type(Kind.MAP, Type(Kind.INT)))
    'map(string,int)'
    """

    kind: Kind
    element: "Type | None" = None

    def __str__(self) -> str:
        if self.kind is Kind.LIST:
            return f"list({self.element})"
        return f"map(string,{self.element})" if self.kind is Kind.MAP else str(self.kind)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing a condition may speak of. `index` is its place in the values a rule sees.

    `values` are the declared values of a string (or of a list's strings), empty if open.
    `range` is inclusive. `default` stands in for a missing value (UNKNOWN if there is none;
    None, null, for a nullable attribute). Values older than `max_age` count as missing.
    `source` is the `from:` clause of an attribute that is kept from events, None for all others.
    """

    index: int
    name: str
    type: Type
    values: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    nullable: bool = False
    default: Value = None
    sensitivity: str = ""
    max_age: Micros | None = None
    description: str = ""
    source: Window | None = None

    @property
    def protected(self) -> bool:
        """Whether no condition, number, text or model may use it."""
        return self.sensitivity in PROTECTED


@dataclass(frozen=True, slots=True)
class Condition:
    """One named condition. `index` is its place among the truths `RuleBook.conditions` returns.

    `test` is the key it stands under (`eligible_when`, `applicable_when`, `suitable_when`, a
    treatment's `when`; in arbitration `context_weights`, `none_when`), `level` one of all_actions,
    issue, group, action, treatment, arbitration; `owner` the id there, empty where there is none.
    A condition that reads a `consent.*` attribute has the stage CONSENT_AND_CONTACT.
    """

    index: int
    stage: Stage
    test: str
    name: str
    level: str
    owner: str
    text: str
    file: str
    line: int
    column: int
    reads: tuple[str, ...]

    @property
    def code(self) -> str:
        """The reason code, e.g. `suitable_when.no_complaint`."""
        return f"{self.test}.{self.name}" if self.name else self.test

    @property
    def place(self) -> str:
        """Where it is written: `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"


class ActionClass(StrEnum):
    """How an action stands in the competition."""

    PROMOTIONAL = "promotional"
    TRANSACTIONAL = "transactional"
    MANDATORY = "mandatory"


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the book: `constant`, or, if that is None, `numbers(values)[expression]`."""

    constant: float | None
    expression: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """What a row of levers.csv puts in the place of an action's own lever and value while it holds.

    `valid` is [from, to) in UTC. `lever` is L, the whole factor, as in `Action`; None leaves the
    book's, and so do a `value` and a `per_day` of None. `text` says it to people.
    """

    valid: tuple[Micros | None, Micros | None]
    lever: float | None
    value: float | None
    text: str
    file: str
    line: int
    per_day: int | None = None

    def holds(self, now: Micros) -> bool:
        """Whether it holds at this moment."""
        start, end = self.valid
        return (start is None or now >= start) and (end is None or now < end)


@dataclass(frozen=True, slots=True)
class Action:
    """Something the firm can offer or say.

    `conditions` are all it must meet, inherited and own, in the order of the funnel, without those
    it opts out of. `lever` is L, the whole factor, with the issue's, the group's and the action's
    percentages added up. `valid` is [from, to) in UTC. `overrides` stand in levers.csv; no two of
    them hold at the same time.
    """

    index: int
    action_id: ActionId
    title: str
    issue: str
    group: str
    action_class: ActionClass
    valid: tuple[Micros | None, Micros | None]
    conditions: tuple[int, ...]
    opt_out: tuple[str, ...]
    contact_policies: tuple[str, ...]
    value: Number
    lever: float
    attributes: Mapping[str, str]
    treatments: tuple[int, ...]
    file: str
    line: int
    column: int = 1
    valid_place: str = ""
    """Where `valid` is written; empty if it is not."""
    overrides: tuple[Override, ...] = ()

    @property
    def place(self) -> str:
        """Where it is written: `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"

    def override_at(self, now: Micros) -> Override | None:
        """The override that holds at this moment; None if the book's own numbers do."""
        return next((one for one in self.overrides if one.holds(now)), None)


class Measured(NamedTuple):
    """What an action is to change: whether an outcome happens, seen with the offer and without it.

    Attributes:
        action: its index.
        outcome: the type of the interaction.
        within: for how long after the offer it counts.
        better_absent: whether it had better not happen.
        expected: by how much the offer is expected to better its probability, before anything is seen.
        keep_trying: the share of customers, by lot, for whom at least that much is expected all the time.
        holdout: the name of the holdout whose customers it is compared with.
        salt, period, timezone: of that holdout, for the lots of `keep_trying`.
    """

    action: int
    outcome: str
    within: Micros
    better_absent: bool
    expected: float
    keep_trying: float
    holdout: str
    salt: str
    period: str
    timezone: str


class Misfit(NamedTuple):
    """Why a filled text cannot be shown, for people, and where it is written (`file:line:column`)."""

    message: str
    place: str


class Fits(Protocol):
    """Whether texts, once filled from the values, can be shown. Never raises."""

    def __call__(self, values: Sequence[Value]) -> bool:
        """True if they can: every attribute they name has something to show, and all is short enough."""
        ...

    def misfit(self, values: Sequence[Value]) -> Misfit | None:
        """Why they cannot; None if they can."""
        ...


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an action appears in one placement.

    `conditions` are its own only; `needs` are indexes of the attributes its texts name: where one
    is missing or null the treatment is unavailable, and so it is where `fits`, which only texts with
    something to fill have, says no to the others' values, and while one of its `stops` (indexes) holds.
    """

    index: int
    treatment_id: TreatmentId
    action: int
    placement: PlacementId
    conditions: tuple[int, ...]
    texts: Mapping[str, str]
    needs: tuple[int, ...]
    render: Callable[[Sequence[Value]], Mapping[str, str]]
    """Fills the texts from the values; returns the same mapping each time if nothing is to fill."""
    fits: Fits | None = None
    need_places: tuple[str, ...] = ()
    """Where its texts first name each of `needs`."""
    stops: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """A place offers are shown in. `treatments` are indexes, in the order of the book."""

    placement_id: PlacementId
    channel: str
    slots: int
    texts: Mapping[str, int]
    fallback: Mapping[str, str]
    treatments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ContextWeight:
    """Adds `weight` percent to C of the `actions` (indexes) while `condition` is definitely true."""

    condition: int
    actions: tuple[int, ...]
    weight: Number


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least propensity and priority to be shown, where channel, issue, group and action match.

    Each of the four is "" where any will do; None asks nothing.
    """

    channel: str
    issue: str
    group: str
    action: str
    propensity: float | None = None
    priority: float | None = None


@dataclass(frozen=True, slots=True)
class Exploration:
    """How chance enters, and what keeps it out; see `engine.exploration.choice` for the policies' parameters.

    Attributes:
        policy: squarecb | epsilon | thompson | greedy.
        gamma: how fast squarecb turns away from what is worth less; None if the evidence says.
        none_when: the index of the condition under which nothing is explored, None if there is none.
        give_up_per_day: how much expected value exploration may give up in a day of `timezone`, in the
            unit of the priority; None if nothing is asked.
        untrained: how far actions reach at first on outbound channels; None if as far as any.
    """

    policy: str = "squarecb"
    gamma: float | None = None
    growth: float = 0.0
    none_when: int | None = None
    epsilon: float = 0.1
    give_up_per_day: float | None = None
    timezone: str = "UTC"
    untrained: "Untrained | None" = None


@dataclass(frozen=True, slots=True)
class Untrained:
    """An action reaches the share `reach` of customers at first, and all of them at `positives`."""

    reach: float = 0.02
    positives: float = 200.0

    def share(self, positives: float) -> float:
        """The share of customers an action with so many positives reaches, in [0, 1].

        >>> [round(Untrained().share(positives), 3) for positives in (0, 100, 200, 500)]
        [0.02, 0.51, 1.0, 1.0]
        """
        return self.reach + (1.0 - self.reach) * min(1.0, positives / self.positives)


@dataclass(frozen=True, slots=True)
class Arbitration:
    """How candidates compete, by which factors and weights, and how many of a kind an answer holds."""

    factors: frozenset[str]
    context_weights: tuple[ContextWeight, ...]
    thresholds: tuple[Threshold, ...]
    exploration: Exploration
    ties: tuple[str, ...]
    influencers: tuple[Influencer, ...] = ()
    limits: tuple[AnswerLimit, ...] = ()


def no_truths(values: Sequence[Value]) -> Sequence[Truth]:  # noqa: ARG001  # what is not asked for
    """The truths of no conditions."""
    return ()


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Everything marketing wrote, checked and compiled; swapped whole, never changed.

    Attributes:
        version: hex digest of the files' contents: the same files always have the same version.
        outcomes: reward of each declared outcome in [0, 1]; None teaches nothing.
        source: the Python text the functions below were compiled from.
        conditions_of: values → one truth for each condition, in index order.
        select_for: by placement: (truths, values, now) → indexes of the treatments that may be shown
            there, at most one (the first that fits) for each action, in the order of the book.
            Covers stops, validity dates, all conditions of action and treatment, texts' needs and fit.
        numbers_of: values → the value of each computed number, None if unknown.
        notices: what is valid but not enforced yet, with its place.
        caps: how many offers, how much money, at most; of mandatory actions there are none.
        stops: what stop.yaml lists, in its order.
        contact: the contact policies.
        bundles: what is shown together.
        trials: holdouts and standing experiments.
        model: the default model; `models` are set over some actions instead of it.
        windows: of outcomes that have a window of their own, how long after the decision they count.
        measured: the actions that are ranked by what they change.
        triggers: what of that customers do asks for a decision.
        triggers_of: values → one truth for each condition of a trigger, by `Trigger.condition`.
        reads_placement: whether a condition or number reads `request.placement`: then truths and
            numbers hold for one placement only, and are to be evaluated once for each.

    A book can be pickled: the functions are compiled again from `source` where it arrives.
    """

    version: str
    attributes: tuple[Attribute, ...]
    index: Mapping[str, int]
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    treatments: tuple[Treatment, ...]
    placements: Mapping[PlacementId, Placement]
    channels: tuple[str, ...]
    issues: tuple[str, ...]
    groups: Mapping[str, str]
    arbitration: Arbitration
    outcomes: Mapping[str, float | None]
    model: ModelSpec
    notices: tuple[Diagnostic, ...]
    source: str
    conditions_of: Callable[[Sequence[Value]], Sequence[Truth]]
    select_for: Mapping[
        PlacementId, Callable[[Sequence[Truth], Sequence[Value], Micros], list[int]]
    ]
    numbers_of: Callable[[Sequence[Value]], Sequence[float | None]]
    reads_placement: bool = False
    caps: tuple[Cap, ...] = ()
    stops: tuple[Stop, ...] = ()
    contact: Contact = field(default_factory=Contact)
    bundles: tuple[Bundle, ...] = ()
    trials: Trials = field(default_factory=Trials)
    models: Models = field(default_factory=Models)
    windows: Mapping[str, Micros] = field(default_factory=dict)
    measured: Mapping[ActionId, Measured] = field(default_factory=dict)
    triggers: tuple[Trigger, ...] = ()
    triggers_of: Callable[[Sequence[Value]], Sequence[Truth]] = no_truths

    def __reduce__(self) -> tuple[Callable[..., "RuleBook"], tuple[dict[str, Any]]]:
        functions = Functions._fields
        data = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in functions}
        return _revived, (data,)


class Functions(NamedTuple):
    """The functions of a book, under the names they have there."""

    conditions_of: Callable[[Sequence[Value]], Sequence[Truth]]
    select_for: Mapping[
        PlacementId, Callable[[Sequence[Truth], Sequence[Value], Micros], list[int]]
    ]
    numbers_of: Callable[[Sequence[Value]], Sequence[float | None]]
    triggers_of: Callable[[Sequence[Value]], Sequence[Truth]]


@lru_cache(maxsize=1)
def code_of(source: str) -> CodeType:
    """A book's source as code that `compiled` takes without compiling it again; the last one is kept."""
    return compile(source, "<rule book>", "exec")


def compiled(
    source: str | CodeType, placements: Sequence[PlacementId], treatments: Sequence[Treatment]
) -> Functions:
    """The functions that a book's source (or its code) defines; `select_<n>` is the n-th placement's.

    `treatments` are the book's: the source calls their `fits`, and `native.tests` and `native.passing`.
    """
    from engine.rulebook.cel import load

    fits = tuple(treatment.fits for treatment in treatments)
    code = code_of(source) if isinstance(source, str) else source
    defined: Mapping[str, Any] = load(
        code, {"fits": fits, "tests": native.tests, "passing": native.passing}
    )
    return Functions(
        conditions_of=defined["conditions_of"],
        select_for={name: defined[f"select_{n}"] for n, name in enumerate(placements)},
        numbers_of=defined["numbers_of"],
        triggers_of=defined.get("triggers_of", no_truths),
    )


def dissolve(book: RuleBook) -> None:
    """Frees the functions of a book that will not be asked again.

    They refer to each other through the module they were defined in, so only the garbage collector
    would find them, which a busy service keeps from looking at what lives long.
    """
    getattr(book.conditions_of, "__globals__", {}).clear()


def _revived(data: dict[str, Any]) -> RuleBook:
    functions = compiled(data["source"], tuple(data["placements"]), data["treatments"])
    return RuleBook(**data, **functions._asdict())
