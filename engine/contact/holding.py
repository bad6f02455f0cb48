"""Holding: the contact policies of one book, compiled to what is counted and what rests."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.contact.rests import NEVER, horizon, quota_ends, quota_room, rest_ends, rest_room
from engine.contact.tallies import Counted, Tallies, Tally
from engine.model import ActionId, Micros
from engine.rulebook.book import Action, ActionClass, RuleBook
from engine.rulebook.contact import IMPRESSION, ContactPolicy, QuietHours, Quota, Rest, Scope


@dataclass(frozen=True, slots=True)
class Held:
    """A policy over the history, as it is held.

    By scope: `treatments` are those that rest; `counted`, `lifting` and `ending` the cells of the outcome
    that counts, of `without`, and of the one that ends a pause (empty where there is none).
    """

    policy: ContactPolicy
    rule: Rest | Quota
    zone: ZoneInfo
    tally: Tally
    treatments: Mapping[str, tuple[int, ...]]
    counted: Mapping[str, int]
    lifting: Mapping[str, int]
    ending: Mapping[str, int]

    @property
    def least(self) -> int:
        """Fewer outcomes than this never matter."""
        if isinstance(self.rule, Rest):
            return self.rule.at_least
        return min(n for n in (self.rule.per_day, self.rule.per_week) if n)

    @property
    def horizon(self) -> Micros:
        """How long an outcome can matter, at most."""
        return horizon(self.rule)

    @property
    def closes_others(self) -> bool:
        """Whether an offer of an answer may close something else to its later slots."""
        return self.rule.count == IMPRESSION and self.policy.scope is not Scope.ACTION

    def ends(
        self, counts: Counted, scope: str, zone: ZoneInfo | None, more: Sequence[Micros] = ()
    ) -> Micros:
        """Until when this scope rests, with `more` counted outcomes; `NEVER` if it does not."""
        times = self.times(counts, scope, more)
        if isinstance(self.rule, Quota):
            return quota_ends(times, self.rule, zone or self.zone)
        return rest_ends(
            times,
            self.rule,
            zone or self.zone,
            lifting=sorted(counts.get(self.lifting[scope], ())) if self.lifting else (),
            ended=_latest(counts, self.ending, scope),
        )

    def times(self, counts: Counted, scope: str, more: Sequence[Micros] = ()) -> list[Micros]:
        """When the counted outcome came, and `more`, ascending."""
        counted = counts.get(self.counted[scope], ())
        return sorted([*counted, *more]) if more else sorted(counted)

    def room(self, counts: Counted, scope: str, zone: ZoneInfo | None, now: Micros) -> int:
        """How many more counted outcomes now close this scope."""
        times = self.times(counts, scope)
        if isinstance(self.rule, Quota):
            return quota_room(times, self.rule, zone or self.zone, now)
        return rest_room(times, self.rule, now, _latest(counts, self.lifting, scope))


def _latest(counts: Counted, cells: Mapping[str, int], scope: str) -> Micros:
    times = counts.get(cells[scope]) if cells else None
    return max(times) if times else NEVER


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours, as they are held."""

    policy: ContactPolicy
    hours: QuietHours
    zone: ZoneInfo
    treatments: frozenset[int]


class Watch(NamedTuple):
    """Who watches the cells of some tallies: policies with their scope, and how many matter at least."""

    policies: Mapping[int, tuple[tuple[Held, str], ...]]
    least: Mapping[int, int]


def _watch(held: Iterable[Held]) -> Watch:
    watching: dict[int, list[tuple[Held, str]]] = defaultdict(list)
    for one in held:
        for scope in one.treatments:
            watching[one.counted[scope]].append((one, scope))
    return Watch(
        {cell: tuple(policies) for cell, policies in watching.items()},
        {cell: min(one.least for one, _ in policies) for cell, policies in watching.items()},
    )


class Holding:
    """All contact policies of a book that some treatment must obey."""

    def __init__(self, book: RuleBook) -> None:
        self.own = Tallies()
        self.home = Tallies()
        self.held: list[Held] = []
        self.quiet: list[Quiet] = []
        self.action_of = tuple(book.actions[t.action].action_id for t in book.treatments)
        self.channel_of = tuple(book.placements[t.placement].channel for t in book.treatments)
        for policy in book.contact.policies:
            obeying = [t for t in range(len(book.treatments)) if self._obeys(t, policy, book)]
            zone = ZoneInfo(policy.timezone)
            if isinstance(policy.rule, QuietHours):
                self.quiet.append(Quiet(policy, policy.rule, zone, frozenset(obeying)))
            elif obeying:
                self.held.append(self._held(policy, policy.rule, zone, obeying, book))
        self.households = any(held.policy.household for held in self.held)
        self.own_watch = _watch(held for held in self.held if not held.policy.household)
        self.home_watch = _watch(held for held in self.held if held.policy.household)
        self._closing = {
            channel: tuple(h for h in self.held if h.closes_others and h.policy.holds_on(channel))
            for channel in set(self.channel_of)
        }

    def closing_on(self, channel: str) -> tuple[Held, ...]:
        """The policies by which an offer on this channel may close something else at once."""
        return self._closing.get(channel, ())

    def _obeys(self, treatment: int, policy: ContactPolicy, book: RuleBook) -> bool:
        action = book.actions[book.treatments[treatment].action]
        channel = self.channel_of[treatment]
        exempt = action.action_class is ActionClass.MANDATORY or (
            action.action_class is ActionClass.TRANSACTIONAL
            and channel in book.contact.outbound
            and not policy.transactional
        )
        return policy.name in action.contact_policies and policy.holds_on(channel) and not exempt

    def _held(
        self,
        policy: ContactPolicy,
        rule: Rest | Quota,
        zone: ZoneInfo,
        obeying: list[int],
        book: RuleBook,
    ) -> Held:
        scopes = _scopes(policy, book)
        tallies = self.home if policy.household else self.own
        counting = Tally(rule.count, scopes, policy.channels, assumed=True)

        def reported(outcome: str) -> Mapping[str, int]:
            if not outcome:
                return {}
            return tallies.cells(Tally(outcome, scopes, policy.channels, assumed=False))

        resting: dict[str, list[int]] = defaultdict(list)
        for treatment in obeying:
            scope = counting.scope(self.action_of[treatment])
            if scope is not None:
                resting[scope].append(treatment)
        return Held(
            policy,
            rule,
            zone,
            counting,
            {scope: tuple(treatments) for scope, treatments in resting.items()},
            tallies.cells(counting),
            reported(rule.without) if isinstance(rule, Rest) else {},
            reported(rule.pause.until) if isinstance(rule, Rest) else {},
        )


def _scopes(policy: ContactPolicy, book: RuleBook) -> Mapping[ActionId, str] | None:
    if policy.scope is Scope.ALL:
        return None
    named = ((action.action_id, _scope_of(action, policy)) for action in book.actions)
    return {action_id: scope for action_id, scope in named if scope is not None}


def _scope_of(action: Action, policy: ContactPolicy) -> str | None:
    match policy.scope:
        case Scope.ACTION:
            return action.action_id
        case Scope.GROUP:
            return action.group
        case Scope.ISSUE:
            return action.issue
        case Scope.ATTRIBUTE:
            return action.attributes.get(policy.attribute)
        case Scope.ALL:
            return ""
