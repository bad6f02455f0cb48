"""Count: what each customer was offered, took and did while they were in a group of a trial."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.challenger.plan import CHALLENGER
from engine.codec import DecisionRecord
from engine.lift import Ratio
from engine.model import ActionId, CustomerId, Decision, DecisionId, Micros
from engine.rulebook.trial import JOINED, Arm, Trials
from engine.trials.assignment import Term, term_of

ACCEPTED: Final = 1.0
"""The reward from which a response counts as acceptance."""

USUAL: Final = "usual"
"""The group of everybody whom the trial leaves alone."""

Vector = npt.NDArray[np.float64]
Rewards = Mapping[tuple[DecisionId, ActionId], float]


@dataclass(slots=True)
class Stay:
    """One customer in one period of a trial. `until` is the end of the period."""

    since: Micros
    until: Micros
    decisions: int = 0
    offered: int = 0
    accepted: int = 0
    value: float = 0.0


@dataclass(slots=True)
class Group:
    """The customers of one group; whoever is in it for two periods counts twice."""

    name: str
    share: float
    stays: dict[tuple[CustomerId, str], Stay] = field(default_factory=dict)

    def note(self, decision: Decision, term: Term, rewards: Rewards) -> None:
        """Takes in a decision for one of its customers, made within a period."""
        offers = [o for placed in decision.placements if not placed.fallback for o in placed.offers]
        taken = [
            offer
            for offer in offers
            if rewards.get((decision.decision_id, offer.action_id), 0.0) >= ACCEPTED
        ]
        key = decision.customer_id, term.name
        stay = self.stays.get(key)
        if stay is None:
            stay = self.stays[key] = Stay(decision.decided_at, term.end)
        stay.since = min(stay.since, decision.decided_at)
        stay.decisions += 1
        stay.offered += bool(offers)
        stay.accepted += len(taken)
        stay.value += sum(offer.value for offer in taken)

    @property
    def decisions(self) -> int:
        """How many were made."""
        return sum(stay.decisions for stay in self.stays.values())

    @property
    def offered(self) -> int:
        """How many of them offered something."""
        return sum(stay.offered for stay in self.stays.values())

    @property
    def takers(self) -> int:
        """How many customers accepted something."""
        return sum(stay.accepted > 0 for stay in self.stays.values())

    @property
    def acceptance(self) -> Ratio:
        """Accepted offers over decisions."""
        return Ratio.of(self._column("accepted"), self._column("decisions"))

    @property
    def value(self) -> Ratio:
        """The value of accepted offers over customers, in the book's currency."""
        return Ratio.of(self._column("value"), np.ones(len(self.stays)))

    def reaching(self, times: Mapping[CustomerId, Sequence[Micros]]) -> Ratio:
        """The share of customers with an event after their first decision, within the period.

        `times` are each customer's events, ascending.
        """
        reached = [
            bisect_left(seen, stay.since) < bisect_left(seen, stay.until)
            for (name, _), stay in self.stays.items()
            for seen in [times.get(name, ())]
        ]
        return Ratio.of(np.array(reached, dtype=np.float64), np.ones(len(reached)))

    def _column(self, name: str) -> Vector:
        return np.array([getattr(stay, name) for stay in self.stays.values()], dtype=np.float64)


def trials_in(label: str) -> Sequence[str]:
    """The trials that `Decision.holdout` names.

    >>> trials_in("challenger.autumn+no_levers"), trials_in("")
    (['challenger.autumn', 'no_levers'], [])
    """
    return label.split(JOINED) if label else []


class _Split(NamedTuple):
    """A trial and its groups, the usual one first; `before` are holdouts whose members are not in it."""

    name: str
    period: str
    groups: Mapping[str, Group]
    before: frozenset[str]


class Counting:
    """Counts the decisions of a log by the trials of one book.

    Whom a challenger decides for is in no trial and counts as usual (see `duel` for how it fares).

    Attributes:
        decisions: how many were counted.
        strange: how many were passed over, as they name a trial the book does not have.
    """

    def __init__(self, trials: Trials, rewards: Rewards) -> None:
        self._trials = trials
        self._rewards = rewards
        self._known = frozenset((*(h.name for h in trials.holdouts), *Arm))
        self._splits = tuple(_splits(trials))
        self._terms: dict[str, Term] = {}
        self.decisions = 0
        self.strange = 0

    def note(self, records: Iterable[DecisionRecord], since: Micros = 0) -> None:
        """Takes in the decisions made since then."""
        for _, decision in records:
            if decision.decided_at < since:
                continue
            names = frozenset(
                n for n in trials_in(decision.holdout) if not n.startswith(f"{CHALLENGER}.")
            )
            if names <= self._known:
                self.decisions += 1
                self._count(decision, names)
            else:
                self.strange += 1

    @property
    def groups(self) -> Mapping[str, tuple[Group, ...]]:
        """The groups of each trial by its name, the usual one first."""
        return {split.name: tuple(split.groups.values()) for split in self._splits}

    def _count(self, decision: Decision, names: frozenset[str]) -> None:
        for split in self._splits:
            if not names.isdisjoint(split.before):
                continue
            mine = next((name for name in split.groups if name in names), USUAL)
            if mine in split.groups:
                term = self._term(split.period, decision.decided_at)
                split.groups[mine].note(decision, term, self._rewards)

    def _term(self, period: str, now: Micros) -> Term:
        term = self._terms.get(period)
        if term is None or not term.start <= now < term.end:
            term = self._terms[period] = term_of(period, now, self._trials.timezone)
        return term


def _splits(trials: Trials) -> Iterable[_Split]:
    """The trials in which somebody is and somebody is not.

    Those in a holdout of everything are in no other trial.
    """
    whole: list[str] = []
    for holdout in trials.holdouts:
        if holdout.whole and holdout.share > 0.0:
            shares = {USUAL: 1.0 - holdout.share, holdout.name: holdout.share}
            yield _Split(holdout.name, holdout.period, _groups(shares), frozenset(whole))
            whole.append(holdout.name)
    for holdout in trials.holdouts:
        if not holdout.whole and holdout.share > 0.0:
            shares = {USUAL: 1.0 - holdout.share, holdout.name: holdout.share}
            yield _Split(holdout.name, holdout.period, _groups(shares), frozenset(whole))
    arms = {str(arm): share for arm, share in trials.experiments.shares}
    if arms:
        shares = {USUAL: 1.0 - sum(arms.values()), **arms}
        period = trials.experiments.period
        yield _Split("experiments", period, _groups(shares), frozenset(whole))


def _groups(shares: Mapping[str, float]) -> Mapping[str, Group]:
    return {name: Group(name, share) for name, share in shares.items() if share > _NOBODY}


_NOBODY: Final = 1e-9
