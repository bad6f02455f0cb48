"""Caps and budgets of actions and of whole groups of them. Checked here, enforced later."""

import re

from engine.rulebook.conditions import Formula, WrittenNumber, number_or_expression
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node, described
from engine.rulebook.readers import allowing, number, one_of, reference, text, whole, words
from engine.rulebook.report import Mistake, Report

_PERIODS = ("per_day", "per_week", "per_month", "total")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def read_shared_caps(
    node: Node | None, hierarchy: Hierarchy, actions: Names, report: Report
) -> list[Formula]:
    """The key caps of policies.yaml: by name, caps that an issue's, group's or all actions share."""
    expressions = []
    for name, key, value in named(node, report, "caps"):
        fields = Fields(value, report, f"cap '{name}'", key.place)
        fields.take("title", words, "")
        for names in (hierarchy.issue_names, hierarchy.group_names, actions):
            fields.take(names.kind, reference(names), "")
        expressions += _caps(fields)
        fields.close()
    return expressions


def read_caps(node: Node | None, report: Report) -> list[Formula]:
    """The key caps of an action: at most so many, at most so much money; returns the expressions."""
    if node is None:
        return []
    fields = Fields(node, report, "caps")
    expressions = _caps(fields)
    fields.close()
    return expressions


def _caps(fields: Fields) -> list[Formula]:
    report, place = fields.report, fields.place
    report.notice("caps", place, "not enforced yet: caps")
    counts = {period: fields.take(period, whole(1), 0) for period in _PERIODS}
    if counts["total"] and counts["per_day"] > counts["total"]:
        report.error(fields.place_of("per_day"), "more a day than in total")
    fields.take("pacing", one_of("pacing", ("even", "asap")), "asap")
    budget = fields.node("budget")
    if budget is None:
        if not any(period in fields for period in _PERIODS):
            report.error(place, f"caps need one of {', '.join(_PERIODS)} or 'budget'")
        return []
    inner = Fields(budget, report, "a budget")
    inner.need("amount", number(0.01), 0.0)
    inner.need("currency", _currency, "")
    cost: WrittenNumber = inner.need("cost_each", number_or_expression(0), 0.0)
    inner.close()
    return [cost] if isinstance(cost, Formula) else []


@allowing(type="string", pattern="^[A-Z]{3}$")
def _currency(node: Node) -> str:
    if _CURRENCY.fullmatch(text(node)):
        return text(node)
    raise Mistake((node.place, f"expected a currency like EUR or NGN, found {described(node)}"))
