"""Contact policies as a book holds them: what is counted, where, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from engine.model import HOUR, Micros

FOREVER: Final[Micros] = 2**62
"""Later than any moment there will be."""

ASSUME_SHOWN: Final[Micros] = HOUR
"""How long an offer nobody reported on counts as shown, unless the book says otherwise."""

IMPRESSION: Final = "impression"
"""The outcome by which an offer was seen."""

OUTBOUND: Final = frozenset({"sms", "email", "push", "letter"})
"""The channels on which the firm speaks first, unless the book says otherwise."""


class Scope(StrEnum):
    """What is counted together, and rests together."""

    ACTION = "action"
    GROUP = "group"
    ISSUE = "issue"
    ATTRIBUTE = "attribute"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a rest is: `length` at most, and where set until `midnight`, or until an outcome.

    `length` is `FOREVER` where only the outcome ends it.
    """

    length: Micros
    midnight: bool = False
    until: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """`at_least` times the outcome `count` within `within`, with no `without` since: then a pause."""

    count: str
    at_least: int
    within: Micros
    pause: Pause
    without: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so often on one day of the calendar and in one week, which begins on Monday."""

    count: str
    per_day: int | None = None
    per_week: int | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No offer from `start` to before `end`, in minutes of the local day; over midnight if it is less."""

    start: int
    end: int


Rule: TypeAlias = Rest | Quota | QuietHours


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """One contact policy.

    Attributes:
        attribute: the action attribute whose values are the scope `attribute`; else empty.
        household: whether the whole household is counted, and rests.
        channels: where outcomes count and where the policy holds; empty for all.
        timezone: whose midnight and whose hours count, where the customer's own zone is not known.
        transactional: whether it holds transactional actions back on outbound channels too.
        place: where it is written, `file:line:column`.
    """

    name: str
    title: str
    rule: Rule
    scope: Scope
    timezone: str
    attribute: str = ""
    household: bool = False
    channels: frozenset[str] = frozenset()
    place: str = ""
    transactional: bool = False

    @property
    def code(self) -> str:
        """The reason code."""
        return f"contact_policy.{self.name}"

    def holds_on(self, channel: str) -> bool:
        """Whether it counts and holds on this channel."""
        return not self.channels or channel in self.channels


@dataclass(frozen=True, slots=True)
class Contact:
    """All contact policies of a book, in the order of the file.

    Attributes:
        assume_shown: how long an offer counts as shown while nobody reported what became of it.
        outbound: the channels on which the firm speaks first: there, transactional actions pass policies
            that do not say otherwise.
    """

    policies: tuple[ContactPolicy, ...] = ()
    assume_shown: Micros = ASSUME_SHOWN
    outbound: frozenset[str] = OUTBOUND

    @property
    def remembers(self) -> Micros:
        """How long offers just returned must be remembered: 0 where no policy counts impressions."""
        counting = (p.rule for p in self.policies if not isinstance(p.rule, QuietHours))
        return self.assume_shown if any(r.count == IMPRESSION for r in counting) else 0
