"""From caps as they are written to those a book enforces: one for each number, with its treatments."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from engine.model import Micros
from engine.rulebook.book import Action, ActionClass
from engine.rulebook.bundles import Shelf
from engine.rulebook.cap import UNLIMITED, Cap, Cost, Limited, Period, money
from engine.rulebook.caps import FREE, Scope, WrittenBudget, WrittenCap, bare
from engine.rulebook.conditions import Formula
from engine.rulebook.expressions import Expressions
from engine.rulebook.report import Place, Report

_BLOCKS: Final = 50
_BLOCKS_OF_ANY_COST: Final = 10
_LARGEST_BLOCK: Final = 1_000
_SMALL: Final = 100


class Capping:
    """Gives every written cap its treatments; what is wrong is reported.

    `shelf` is all the book has to offer, and `timezone` the book's; on `outbound` channels what is
    written for the channel does not hold transactional actions back.
    """

    def __init__(
        self,
        shelf: Shelf,
        timezone: str,
        outbound: frozenset[str],
        expressions: Expressions,
        report: Report,
    ) -> None:
        self._timezone = timezone
        self._shelf = shelf
        self._outbound = outbound
        self._expressions = expressions
        self._report = report
        self._names: dict[str, Place] = {}

    def caps(self, written: Iterable[WrittenCap]) -> tuple[Cap, ...]:
        """The caps of the book, in the order of writing."""
        own = [*written]
        named = {cap.name for cap in own}
        own += [
            self._from_levers(a)
            for a in self._shelf.actions
            if _rows(a) and a.action_id not in named
        ]
        return tuple(chain.from_iterable(self._of(cap) for cap in own))

    def _of(self, cap: WrittenCap) -> Iterator[Cap]:
        if first := self._names.get(cap.name):
            message = f"there is already a cap of this name in {first.file}, line {first.line}"
            self._report.error(cap.place, message)
        self._names.setdefault(cap.name, cap.place)
        actions = [a for a in self._shelf.actions if _within(a, cap.scope)]
        held = [a for a in actions if a.action_class is not ActionClass.MANDATORY]
        treatments = frozenset(t for a in held for t in a.treatments if self._on(t, a, cap.scope))
        if not treatments:
            only = "mandatory actions, which no cap holds back" if actions else "no action"
            self._report.notice(f"cap {cap.name}", cap.place, f"this cap holds for {only}")
        valid = _span(held)
        periods = {*cap.counts, *([cap.budget.period] if cap.budget else [])}
        if cap.even and periods == {Period.TOTAL} and None in valid and not self._report.errors:
            message = "nothing to spread evenly: a total needs actions that are valid from … to …"
            self._report.error(cap.pacing_place, message)
        rows = _rows(actions[0]) if actions and actions[0].action_id == cap.name else ()
        counts = {Period.DAY: UNLIMITED} | dict(cap.counts) if rows else cap.counts
        for period, count in counts.items():
            block = cap.block or block_of(count)
            made = _cap(cap, period, count, (None, ""), treatments, valid, block)
            yield replace(made, overrides=rows) if period is Period.DAY else made
        if cap.budget:
            cost = self._cost(cap.budget)
            limit = money(cap.budget.amount)
            block = self._money_block(cap, cost, limit)
            named = (cost, cap.budget.currency)
            yield _cap(cap, cap.budget.period, limit, named, treatments, valid, block)

    def _from_levers(self, action: Action) -> WrittenCap:
        """The cap of an action that only levers.csv gives one."""
        place = Place(action.file, action.line, action.column)
        scope = Scope(action=str(action.action_id))
        return bare(str(action.action_id), scope, self._timezone, place)

    def _on(self, treatment: int, action: Action, scope: Scope) -> bool:
        """Whether a cap holds for a treatment of an action that it may hold for."""
        placement = self._shelf.placements.get(self._shelf.treatments[treatment].placement)
        if not scope.channels:
            return True
        if placement is None or placement.channel not in scope.channels:
            return False
        passes = action.action_class is ActionClass.TRANSACTIONAL
        return not (passes and placement.channel in self._outbound)

    def _cost(self, budget: WrittenBudget) -> Cost:
        number = self._expressions.number(budget.cost)
        units = None if number.constant is None else money(number.constant)
        if units == 0 and number.text and isinstance(budget.cost, Formula):
            self._report.error(budget.cost.scalar.place, FREE)
        text = number.text or f"{number.constant:g}"
        return Cost(units, number.expression, text)

    def _money_block(self, cap: WrittenCap, cost: Cost, limit: int) -> int:
        """As many offers' costs as a block has offers, where that can be told."""
        if cap.block and cost.units:
            return cap.block * cost.units
        if cost.units is None:
            return max(1, limit // _BLOCKS_OF_ANY_COST)
        return max(limit // _BLOCKS, min(limit, _SMALL * cost.units))


def _rows(action: Action) -> tuple[Limited, ...]:
    """What levers.csv says of how many of an action a day."""
    return tuple(Limited(*o.valid, o.per_day) for o in action.overrides if o.per_day is not None)


def block_of(limit: int) -> int:
    """Units drawn at a time: a fiftieth of the limit, at most 1,000; small caps in larger shares.

    >>> block_of(5), block_of(300), block_of(20_000), block_of(10**9)
    (5, 100, 400, 1000)
    """
    return min(max(limit // _BLOCKS, min(limit, _SMALL)), _LARGEST_BLOCK)


def _cap(
    written: WrittenCap,
    period: Period,
    limit: int,
    cost: tuple[Cost | None, str],
    treatments: frozenset[int],
    valid: tuple[Micros | None, Micros | None],
    block: int,
) -> Cap:
    return Cap(
        name=written.name,
        title=written.title,
        period=period,
        limit=limit,
        cost=cost[0],
        currency=cost[1],
        treatments=treatments,
        timezone=written.timezone,
        valid=valid,
        even=written.even,
        worth_most=written.worth_most,
        hold=written.hold,
        block=block,
        place=str(written.place),
    )


def _within(action: Action, scope: Scope) -> bool:
    return (
        scope.issue in {"", action.issue}
        and scope.group in {"", action.group}
        and scope.action in {"", action.action_id}
    )


def _span(actions: Sequence[Action]) -> tuple[Micros | None, Micros | None]:
    """From when until when any of them is valid; None where there is no such end."""
    begins = [a.valid[0] for a in actions]
    ends = [a.valid[1] for a in actions]
    begin = min((b for b in begins if b is not None), default=None)
    end = max((e for e in ends if e is not None), default=None)
    return (None if None in begins else begin, None if None in ends else end)
