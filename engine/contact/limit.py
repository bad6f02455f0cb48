"""Contact policies as they stand for one answer, and the reasons they give."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from typing import ClassVar

from engine.contact.holding import Held, Holding, Quiet
from engine.contact.reasons import nowhere_reason, quiet_reason, rest_reason, unknown_reason
from engine.contact.standing import Standing
from engine.limits.limits import Foreseeing
from engine.model import Micros, Reason, Stage


class ContactLimit(Foreseeing):
    """See `engine.limits.limits.Limit`. `quiet` are the treatments nobody wants to hear of at this hour.

    `nowhere` is the customer's time zone if it is none that is known: then it is always such an hour.
    """

    stage: ClassVar = Stage.CONSENT_AND_CONTACT

    __slots__ = (
        "_closing",
        "_holding",
        "_more",
        "_now",
        "_nowhere",
        "_out",
        "_picked",
        "_quiets",
        "_standing",
    )

    def __init__(
        self,
        holding: Holding,
        channel: str,
        standing: Standing,
        quiets: Sequence[Quiet],
        quiet: frozenset[int],
        now: Micros,
        nowhere: str = "",
    ) -> None:
        self._holding = holding
        self._closing = holding.closing_on(channel)
        self._standing = standing
        self._quiets = quiets
        self._now = now
        self._nowhere = nowhere
        self._out = quiet.union([t for t, until in standing.closed.items() if until > now])
        self._picked = 0
        self._more: dict[tuple[int, str], list[Micros]] = defaultdict(list)

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those that neither rest nor come at a quiet hour."""
        out = self._out
        return [t for t in treatments if t not in out] if out else list(treatments)

    def steady(self, picks: int) -> bool:
        """Whether no policy is so near its limit that `picks` more offers could reach it."""
        standing, picks = self._standing, picks + self._picked
        for held in self._closing:
            if held.least <= picks:
                return False
            counts = standing.counts(held)
            for scope in held.treatments:
                if (
                    len(counts.get(held.counted[scope], ())) + picks >= held.least
                    and held.room(counts, scope, standing.zone, self._now) <= picks
                ):
                    return False
        return True

    def chosen(self, treatment: int) -> None:
        """Counts an impression of this treatment's action now, where one may close anything."""
        if not self._closing:
            return
        now, standing = self._now, self._standing
        action = self._holding.action_of[treatment]
        self._picked += 1
        for place, held in enumerate(self._closing):
            scope = held.tally.scope(action)
            resting = held.treatments.get(scope) if scope is not None else None
            if scope is None or resting is None:
                continue
            more = self._more[place, scope]
            more.append(now)
            until = held.ends(standing.counts(held), scope, standing.zone, more)
            if until > now:
                self._out = self._out.union(resting)

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether none of these closes one after it."""
        trial = copy(self)
        trial._more = defaultdict(list, {at: list(times) for at, times in self._more.items()})
        for treatment in treatments:
            if not trial.open_to([treatment]):
                return False
            trial.chosen(treatment)
        return True

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """Every policy by which a treatment is out now, in the order of the book."""
        return () if self.open_to((treatment,)) else tuple(self._told(treatment))

    def _told(self, treatment: int) -> Iterator[Reason]:
        now, standing = self._now, self._standing
        action = self._holding.action_of[treatment]
        for held in self._holding.held:
            scope = held.tally.scope(action)
            if scope is None or treatment not in held.treatments.get(scope, ()):
                continue
            counts, more = standing.counts(held), self._added(held, scope)
            until = held.ends(counts, scope, standing.zone, more)
            if until > now:
                times = held.times(counts, scope, more)
                yield rest_reason(held, times, until, now, standing.zone)
            elif standing.unknown_until(held) > now:
                yield unknown_reason(held.policy, standing.unknown_until(held))
        for quiet in self._quiets:
            if treatment in quiet.treatments and self._nowhere:
                yield nowhere_reason(quiet.policy, self._nowhere)
            elif treatment in quiet.treatments:
                yield quiet_reason(quiet.policy, quiet.hours, now, standing.zone or quiet.zone)

    def _added(self, held: Held, scope: str) -> list[Micros]:
        if held not in self._closing:
            return []
        return self._more.get((self._closing.index(held), scope), [])
