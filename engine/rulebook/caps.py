"""Caps and budgets of actions and of whole groups of them, as they are written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from engine.model import DAY, MINUTE, SECOND, Micros
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement
from engine.rulebook.cap import Period, money
from engine.rulebook.conditions import WrittenNumber, number_or_expression
from engine.rulebook.doubts import remark_thousands
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node, described
from engine.rulebook.placements import channel_reader
from engine.rulebook.readers import (
    allowing,
    duration,
    list_of,
    number,
    one_of,
    reference,
    text,
    whole,
    words,
    zone,
)
from engine.rulebook.report import Mistake, Place, Report

HOLD: Final = 30 * MINUTE
"""How long an offer keeps its share of a cap unless `hold` says otherwise."""

FREE: Final = "offers that cost nothing never use up a budget"

_LONGEST_HOLD: Final = 31 * DAY
_MOST_MONEY: Final = 1e12
_COUNTED: Final = {
    "per_day": Period.DAY,
    "per_week": Period.WEEK,
    "per_month": Period.MONTH,
    "total": Period.TOTAL,
}
_PER: Final = [str(period) for period in Period]
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WrittenBudget:
    """A budget: `amount` in `currency` for each `period`, of which every offer takes `cost`."""

    amount: float
    currency: str
    cost: WrittenNumber
    period: Period
    place: Place


class Scope(NamedTuple):
    """What a cap holds for; an empty part means any."""

    issue: str = ""
    group: str = ""
    action: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenCap:
    """What stands under one name. `counts` are the most offers in each period that is named.

    `block` is None where nothing is written; `places` are those of the keys, for later mistakes.
    """

    name: str
    title: str
    scope: Scope
    counts: Mapping[Period, int]
    budget: WrittenBudget | None
    even: bool
    worth_most: bool
    timezone: str
    hold: Micros
    block: int | None
    place: Place
    pacing_place: Place


@dataclass(frozen=True, slots=True)
class Shared:
    """What a cap of policies.yaml may refer to; `timezone` is the book's."""

    attributes: Attributes
    placements: Mapping[str, Placement]
    hierarchy: Hierarchy
    actions: Names
    timezone: str


def read_shared_caps(node: Node | None, known: Shared, report: Report) -> tuple[WrittenCap, ...]:
    """The key caps of policies.yaml: by name, caps shared by an issue, a group, channels, or by all."""
    caps = []
    issues, groups = known.hierarchy.issue_names, known.hierarchy.group_names
    channels = list_of(channel_reader(known.attributes, known.placements), least=1)
    for name, key, value in named(node, report, "caps"):
        fields = Fields(value, report, f"cap '{name}'", key.place)
        title = fields.take("title", words, "")
        scope = Scope(
            fields.take("issue", reference(issues), ""),
            fields.take("group", reference(groups), ""),
            fields.take("action", reference(known.actions), ""),
            fields.take("channels", channels, ()),
        )
        caps.append(_cap(fields, name, title, scope, known.timezone))
        fields.close()
    return tuple(caps)


def read_caps(node: Node | None, action: str, timezone: str, report: Report) -> WrittenCap | None:
    """The key caps of an action: at most so many offers, at most so much money."""
    if node is None:
        return None
    fields = Fields(node, report, "caps")
    cap = _cap(fields, action, "", Scope(action=action), timezone)
    fields.close()
    return cap


def bare(name: str, scope: Scope, timezone: str, place: Place) -> WrittenCap:
    """A cap of which nothing is written but what it holds for."""
    return WrittenCap(
        name=name,
        title="",
        scope=scope,
        counts={},
        budget=None,
        even=False,
        worth_most=True,
        timezone=timezone,
        hold=HOLD,
        block=None,
        place=place,
        pacing_place=place,
    )


def _cap(fields: Fields, name: str, title: str, scope: Scope, timezone: str) -> WrittenCap:
    written = {key: fields.take(key, whole(1), 0) for key in _COUNTED}
    counts = {_COUNTED[key]: count for key, count in written.items() if count}
    _check_order(fields, written)
    pacing = fields.take("pacing", one_of("pacing", ("even", "asap")), "asap")
    scarce = fields.take("when_scarce", one_of("rule", ("worth_most", "first_come")), "worth_most")
    local = fields.take("timezone", zone, None)
    budget = _budget(fields)
    cap = WrittenCap(
        name=name,
        title=title,
        scope=scope,
        counts=counts,
        budget=budget,
        even=pacing == "even",
        worth_most=scarce == "worth_most",
        timezone=local.key if local else timezone,
        hold=fields.take("hold", _hold, HOLD),
        block=fields.take("block", whole(1), None),
        place=fields.place,
        pacing_place=fields.key_place("pacing"),
    )
    if not any(key in fields or fields.lost(key) for key in (*_COUNTED, "budget")):
        keys = ", ".join(_COUNTED)
        fields.report.error(fields.place, f"caps need one of {keys} or 'budget'")
    _check_block(fields, cap)
    return cap


def _check_order(fields: Fields, counts: Mapping[str, int]) -> None:
    """A shorter period that allows more than a longer one is never reached."""
    spans = {"per_day": "a day", "per_week": "a week", "per_month": "a month", "total": "in total"}
    keys = [key for key, count in counts.items() if count]
    for short, long in pairwise(keys):
        if counts[short] > counts[long]:
            fields.report.error(fields.place_of(short), f"more {spans[short]} than {spans[long]}")


def _check_block(fields: Fields, cap: WrittenCap) -> None:
    """A cap smaller than what is reserved at a time could never be used."""
    if cap.block is None:
        return
    smallest = min(cap.counts.values(), default=cap.block)
    if cap.block > smallest:
        message = f"a block of {cap.block} is more than the cap itself, {smallest}"
        fields.report.error(fields.place_of("block"), message)
    budget, cost = cap.budget, cap.budget.cost if cap.budget else None
    if budget and isinstance(cost, float) and cost * cap.block > budget.amount:
        message = f"a block of {cap.block} offers costs more than the budget of {budget.amount:g}"
        fields.report.error(fields.place_of("block"), message)


def _budget(fields: Fields) -> WrittenBudget | None:
    node = fields.node("budget")
    if node is None:
        return None
    inner = Fields(node, fields.report, "a budget")
    amount = inner.need("amount", number(0.01, _MOST_MONEY), 0.0)
    remark_thousands(inner, "amount")
    budget = WrittenBudget(
        amount=amount,
        currency=inner.need("currency", _currency, ""),
        cost=inner.need("cost_each", number_or_expression(0), 0.0),
        period=Period(inner.take("per", one_of("period", _PER), Period.TOTAL)),
        place=node.place,
    )
    if isinstance(budget.cost, float) and amount and money(budget.cost) > money(amount):
        message = f"a budget of {amount:g} does not pay for one offer, which costs {budget.cost:g}"
        inner.report.error(inner.place_of("amount"), message)
    if budget.cost == 0.0 and "cost_each" in inner:
        inner.report.error(inner.place_of("cost_each"), FREE)
    inner.close()
    return budget


@allowing(type="string", pattern="^[0-9]+[smhdw]$")
def _hold(node: Node) -> Micros:
    length = duration(node)
    if not SECOND <= length <= _LONGEST_HOLD:
        raise Mistake((node.place, f"{described(node)} is not between 1s and 31d"))
    return length


@allowing(type="string", pattern="^[A-Z]{3}$")
def _currency(node: Node) -> str:
    if _CURRENCY.fullmatch(text(node)):
        return text(node)
    raise Mistake((node.place, f"expected a currency like EUR or NGN, found {described(node)}"))
