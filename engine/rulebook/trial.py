"""A trial: customers set apart by lot, so that what rules, levers and model change can be measured."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

PERIODS: Final = ("day", "week", "month", "quarter", "year", "forever")
TRIAL: Final = "holdout or experiment"
"""What the names of trials are names of, in messages."""

JOINED: Final = "+"
"""Stands between the names of trials that one customer is in; no name holds it."""


class Arm(StrEnum):
    """A standing experiment: one thing is done otherwise, to see what doing it as usual is worth.

    RANDOM_RELEVANT: of what the rules and limits let through, any with equal chance.
    PROPENSITY_ONLY: whatever is most likely to be taken up; C, V and L count for nothing.
    NO_LEVERS: P · C · V, without what marketing adds.
    ELIGIBILITY_ONLY: promotional actions need not be applicable, nor suitable.
    RANDOM_PROPENSITY: P is drawn by lot, uniform in [0, 1).
    """

    RANDOM_RELEVANT = "random_relevant"
    PROPENSITY_ONLY = "propensity_only"
    NO_LEVERS = "no_levers"
    ELIGIBILITY_ONLY = "eligibility_only"
    RANDOM_PROPENSITY = "random_propensity"

    @property
    def code(self) -> str:
        """Its reason code."""
        return f"experiment.{self}"

    @property
    def text(self) -> str:
        """What it does, for people."""
        return _TEXTS[self]


_TEXTS: Final = {
    Arm.RANDOM_RELEVANT: "whatever the rules let through has the same chance",
    Arm.PROPENSITY_ONLY: "the most likely to be taken up comes first, whatever it is worth",
    Arm.NO_LEVERS: "levers count for nothing",
    Arm.ELIGIBILITY_ONLY: "promotions need not be applicable or suitable",
    Arm.RANDOM_PROPENSITY: "the chance of a yes is drawn by lot",
}


@dataclass(frozen=True, slots=True)
class Holdout:
    """A `share` in [0, 1] of customers is not offered some actions, or none of any, for a `period`.

    `treatments` (indexes) are what is kept back: those of promotional actions only. `whole` says that
    it is all of them.
    """

    name: str
    title: str
    share: float
    period: str
    salt: str
    treatments: frozenset[int]
    whole: bool
    place: str

    @property
    def code(self) -> str:
        """Its reason code."""
        return f"holdout.{self.name}"


@dataclass(frozen=True, slots=True)
class Experiments:
    """The share in [0, 1] of customers in each standing arm; together at most 1."""

    shares: tuple[tuple[Arm, float], ...] = ()
    period: str = "month"
    salt: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials of a book. Days begin at midnight in `timezone`."""

    holdouts: tuple[Holdout, ...] = ()
    experiments: Experiments = field(default_factory=Experiments)
    timezone: str = "UTC"

    def only(self, name: str) -> "Trials":
        """This holdout or arm alone, with everybody in it; if `name` is neither, nobody is in any."""
        held = tuple(replace(h, share=1.0) for h in self.holdouts if h.name == name)
        arms = tuple((arm, 1.0) for arm in Arm if arm == name)
        return replace(self, holdouts=held, experiments=replace(self.experiments, shares=arms))


def arm_of(label: str) -> Arm | None:
    """The arm among the trials that `Decision.holdout` names.

    >>> arm_of("no_data+no_levers"), arm_of("nobody_asked")
    (<Arm.NO_LEVERS: 'no_levers'>, None)
    """
    arms = {str(arm): arm for arm in Arm}
    return next((arms[name] for name in label.split(JOINED) if name in arms), None)
