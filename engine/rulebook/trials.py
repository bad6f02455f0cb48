"""Holdouts, experiments and triggers of policies.yaml. Checked here, enforced later."""

from typing import Final

from engine.rulebook.conditions import WrittenCondition, expression
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.readers import (
    as_written,
    identifier,
    list_of,
    number,
    one_of,
    reference,
    words,
)
from engine.rulebook.report import Report

PERIODS: Final = ("day", "week", "month", "quarter", "year", "forever")
ARMS: Final = (
    "random_relevant", "propensity_only", "no_levers", "eligibility_only", "random_propensity",
)  # fmt: skip


def read_holdouts(node: Node | None, hierarchy: Hierarchy, actions: Names, report: Report) -> None:
    """The key holdouts: by name, the share of customers who are left alone for a period."""
    for name, key, value in named(node, report, "holdouts"):
        report.notice("holdouts", key.place, "not enforced yet: holdouts")
        fields = Fields(value, report, f"holdout '{name}'", key.place)
        fields.take("title", words, "")
        fields.need("share", number(0, 1), 0.0)
        fields.need("period", one_of("period", PERIODS), "month")
        fields.need("salt", as_written, "")
        for names in (hierarchy.issue_names, hierarchy.group_names, actions):
            fields.take(names.kind, reference(names), "")
        fields.close()


def read_experiments(node: Node | None, report: Report) -> None:
    """The key experiments: the share of decisions each standing control arm takes."""
    if node is None:
        return
    report.notice("experiments", node.place, "not enforced yet: experiments")
    fields = Fields(node, report, "experiments")
    shares = sum(fields.take(arm, number(0, 1), 0.0) for arm in ARMS)
    fields.close()
    if shares > 1:
        report.error(node.place, f"the shares add up to {shares:g}: at most 1 can be given away")


def read_triggers(node: Node | None, placements: Names, report: Report) -> list[WrittenCondition]:
    """The key triggers: decisions that an event asks for; returns their conditions."""
    conditions = []
    for name, key, value in named(node, report, "triggers"):
        report.notice("triggers", key.place, "not enforced yet: triggers")
        fields = Fields(value, report, f"trigger '{name}'", key.place)
        fields.need("on", identifier, "")
        scalar = fields.take("when", expression, None)
        fields.need("placements", list_of(reference(placements), least=1), ())
        fields.close()
        if scalar:
            conditions.append(WrittenCondition("when", name, "trigger", name, scalar.place, scalar))
    return conditions
