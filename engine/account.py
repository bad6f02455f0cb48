"""Account: for one customer and every action, all that keeps it out, and what would let it in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from engine.customer import Knowledge
from engine.eligibility import show_moment
from engine.model import (
    ActionId,
    CandidateTrace,
    Customer,
    Decision,
    Factors,
    Micros,
    PlacementId,
    Question,
    Reason,
    Value,
)
from engine.rehearsal import calm, decided
from engine.rulebook.book import Action, Attribute, Kind, RuleBook, Treatment, Type
from engine.rulebook.cel import Expression
from engine.rulebook.nearest_change import Change, NearestChange
from engine.rulebook.times import moment_of

_LIMITS: Final = frozenset({"contact_policy", "cap", "budget", "holdout"})
_PLACE: Final = frozenset({"request.channel", "request.placement"})


class Obstacle(NamedTuple):
    """One reason an action is out, and the smallest change that would do away with this reason alone.

    `changes` is None where no change of the customer was found, or where none can help.
    """

    reason: Reason
    changes: tuple[Change, ...] | None


@dataclass(frozen=True, slots=True)
class Account:
    """One action in one placement.

    `rank` is 0 if it is not shown; `factors` are None if the rules keep it out. `changes` are the
    smallest that would let it through all the rules at once, () if it is through, None if none was
    found; each has been tried on the compiled book. `notes` say what moves its priority besides.
    """

    placement: PlacementId
    action_id: ActionId
    rank: int
    factors: Factors | None
    obstacles: tuple[Obstacle, ...]
    changes: tuple[Change, ...] | None
    notes: tuple[str, ...] = ()


class Accountant:
    """Accounts for the decisions of one book; `expressions` are its conditions', in their order.

    Customers are in the book's holdouts and experiments by their ids.
    """

    def __init__(self, book: RuleBook, expressions: Sequence[Expression]) -> None:
        self._book = replace(calm(book), trials=book.trials)
        self._expressions = expressions
        self._condition = {(c.code, c.place): c.index for c in book.conditions}
        self._knowledge = Knowledge(book)
        self._at = book.index.get("request.placement")
        self._alone: dict[int, NearestChange] = {}
        self._found: dict[tuple[int, Value], tuple[Change, ...] | None] = {}

    def account(
        self, question: Question, customer: Customer, now: Micros, only: ActionId | None = None
    ) -> tuple[Account, ...]:
        """Every action of the book (or `only` one) in every placement asked for, the shown first.

        As nobody has learned anything here, all propensities are equal (`engine.rehearsal.EVEN`).
        """
        self._found.clear()
        decision = decided(self._book, replace(question, explain=True), customer, now)
        return tuple(self._accounts(decision, question, customer, now, only))

    def _accounts(
        self,
        decision: Decision,
        question: Question,
        customer: Customer,
        now: Micros,
        only: ActionId | None,
    ) -> Iterator[Account]:
        values = self._knowledge.values(customer, question, now)
        actions = {action.action_id: action for action in self._book.actions}
        for told in decision.trace.candidates if decision.trace else ():
            if only in (None, told.action_id):
                at = self._knowledge.at(values, told.placement)
                yield self._account(told, actions[told.action_id], at, now)

    def _account(
        self, told: CandidateTrace, action: Action, values: list[Value], now: Micros
    ) -> Account:
        obstacles = tuple(
            Obstacle(reason, self._removal(reason, action, values, now)) for reason in told.reasons
        )
        through = told.factors is not None
        entry = () if through else self._entry(action, told.placement, values, now)
        changes = _with_waits(entry, obstacles)
        return Account(
            told.placement, told.action_id, told.rank, told.factors, obstacles, changes, told.notes
        )

    # --- one reason -----------------------------------------------------------------------------

    def _removal(
        self, reason: Reason, action: Action, values: list[Value], now: Micros
    ) -> tuple[Change, ...] | None:
        index = self._condition.get((reason.code, reason.place))
        if index is not None:
            alone = self._alone.get(index)
            if alone is None:
                expressions = [self._expressions[index]]
                alone = self._alone[index] = NearestChange(self._book.attributes, expressions)
            key = (index, values[self._at] if self._at is not None else None)
            if key not in self._found:
                self._found[key] = alone.find(
                    values, lambda v: self._book.conditions_of(v)[index] is True
                )
            return self._found[key]
        if "until" in reason.saw and _is_limit(reason):
            return self._wait(reason, now)
        if reason.code == "availability.valid":
            begun = self._begun(action, now)
            return None if begun is None else (begun,)
        if reason.code == "availability.text" and reason.saw:
            missing = [self._book.index[name] for name in reason.saw]
            return NearestChange(self._book.attributes, (), present=missing).find(values)
        return None

    def _begun(self, action: Action, now: Micros) -> Change | None:
        """The passing of time until an action becomes valid; None if that is over."""
        start, _ = action.valid
        return None if start is None or now >= start else self._later(now, start)

    def _wait(self, reason: Reason, now: Micros) -> tuple[Change, ...] | None:
        """The passing of time until a limit lets go; None if that cannot be told."""
        until = moment_of(reason.saw["until"])
        return None if until is None else (self._later(now, until),)

    def _later(self, now: Micros, then: Micros) -> Change:
        index = self._book.index.get("now")
        clock = Attribute(-1, "now", Type(Kind.TIMESTAMP))
        attribute = clock if index is None else self._book.attributes[index]
        return Change(attribute, now, then, f"{show_moment(then)} or later")

    # --- all of them ----------------------------------------------------------------------------

    def _entry(
        self, action: Action, placement: PlacementId, values: list[Value], now: Micros
    ) -> tuple[Change, ...] | None:
        """The smallest change that lets an action in, by whichever of its treatments."""
        begun = self._begun(action, now)
        if begun is not None:
            now = int(action.valid[0] or now)
            values = self._at_time(values, now)
        treatments = [self._book.treatments[t] for t in action.treatments]
        entries = [
            found
            for treatment in treatments
            if treatment.placement == placement
            if (found := self._by(treatment, action, values, now)) is not None
        ]
        if not entries:
            return None
        least = min(entries, key=len)
        return least if begun is None else (begun, *least)

    def _by(
        self, treatment: Treatment, action: Action, values: list[Value], now: Micros
    ) -> tuple[Change, ...] | None:
        book = self._book
        conditions = (*action.conditions, *treatment.conditions)
        clock = book.index.get("now")

        def is_let_in(changed: Sequence[Value]) -> bool:
            moment = now if clock is None else changed[clock]
            if not isinstance(moment, int):
                return False
            through = book.select_for[treatment.placement](
                book.conditions_of(changed), changed, moment
            )
            return any(t in action.treatments for t in through)

        search = NearestChange(
            book.attributes,
            [self._expressions[index] for index in conditions],
            present=treatment.needs,
            fixed=_PLACE,
        )
        return search.find(values, is_let_in)

    def _at_time(self, values: list[Value], now: Micros) -> list[Value]:
        index = self._book.index.get("now")
        if index is None:
            return values
        later = values.copy()
        later[index] = now
        return later


def _is_limit(reason: Reason) -> bool:
    """Whether it was no condition, but a limit that kept something out."""
    return reason.code.partition(".")[0] in _LIMITS


def _with_waits(
    entry: tuple[Change, ...] | None, obstacles: Sequence[Obstacle]
) -> tuple[Change, ...] | None:
    """What meets the rules, and the wait for the limit that lets go last; None if one never does."""
    limits = [obstacle.changes for obstacle in obstacles if _is_limit(obstacle.reason)]
    if entry is None or None in limits:
        return None
    waits = [wait for changes in limits for wait in changes or ()]
    return (*entry, max(waits, key=_moment)) if waits else entry


def _moment(wait: Change) -> Micros:
    return wait.after if isinstance(wait.after, int) else 0
