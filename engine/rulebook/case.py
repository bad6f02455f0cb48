"""What a test beside the rules says: given this customer, this history, this question, expect that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from engine.model import ActionId, Micros, PlacementId, Value


class Expects(StrEnum):
    """What can be expected of the offers, which are all offers made, in the order of placement and rank.

    FIRST: this action comes first. OFFERS: exactly these, in this order. ONLY: exactly these, in any
    order. IN_ORDER: these, in this order, whatever stands between. INCLUDES: all of these. ANY_OF: at
    least one of these. NOT: not this one, and with a reason: for this reason among others. FALLBACK:
    the first placement shows its fallback, or does not.
    """

    FIRST = "first"
    OFFERS = "offers"
    ONLY = "only"
    IN_ORDER = "in_order"
    INCLUDES = "includes"
    ANY_OF = "any_of"
    NOT = "not"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing a test expects. `reason` is a reason code, `wanted` False for `fallback: false`."""

    kind: Expects
    actions: tuple[ActionId, ...]
    line: int
    reason: str = ""
    wanted: bool = True

    def __str__(self) -> str:
        match self.kind:
            case Expects.FALLBACK:
                return f"fallback: {'true' if self.wanted else 'false'}"
            case Expects.FIRST:
                return f"first: {self.actions[0]}"
            case Expects.NOT:
                reason = f": {self.reason}" if self.reason else ""
                return f"not: {self.actions[0]}{reason}"
            case _:
                return f"{self.kind}: [{', '.join(self.actions)}]"


class PastOffer(NamedTuple):
    """`times` offers of an action with this outcome, `ago` before the test's now.

    With `to_household` they were made to somebody else of the customer's household.
    """

    action_id: ActionId
    outcome: str
    ago: Micros
    channel: str
    placement: PlacementId
    value: float
    times: int
    to_household: bool = False


class PastEvent(NamedTuple):
    """`times` interactions of this type with these attributes, `ago` before the test's now."""

    type: str
    ago: Micros
    channel: str
    times: int
    attributes: Mapping[str, Value] = {}


class Used(NamedTuple):
    """So much of a cap is used: offers, or of its `budget` money. `key` is one of `cap.KEYS`."""

    cap: str
    key: str
    amount: float


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a rule book, as marketing wrote it; `file` and `line` say where.

    `now` is None where the test names no time. `propensities` are those of the actions it names,
    `used` what is used of caps in the period around `now`, or in total; `positives` those seen of the
    actions it names, where all others count as trained.
    `holdout` names the holdout or experiment the customer is in; otherwise they are in none.
    `uplift` is what measured actions change in this test, instead of what is expected of them.
    """

    name: str
    file: str
    line: int
    customer: Mapping[str, Value]
    history: tuple[PastOffer, ...]
    events: tuple[PastEvent, ...]
    placements: tuple[PlacementId, ...]
    channel: str
    context: Mapping[str, Value]
    max_offers: int
    now: Micros | None
    expected: tuple[Expectation, ...]
    propensities: Mapping[ActionId, float] = field(default_factory=dict)
    used: tuple[Used, ...] = ()
    holdout: str = ""
    positives: Mapping[ActionId, float] = field(default_factory=dict)
    uplift: Mapping[ActionId, float] = field(default_factory=dict)
