"""Whom something of arbitration concerns: an issue, a group, an action, or all."""

from dataclasses import dataclass

from engine.rulebook.fields import Fields
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.readers import reference


@dataclass(frozen=True, slots=True)
class Targets:
    """What may be named."""

    hierarchy: Hierarchy
    actions: Names


def read_target(fields: Fields, targets: Targets) -> tuple[str, str, str]:
    """The issue, group and action something applies to: one of them, or none ("") for all."""
    names = (targets.hierarchy.issue_names, targets.hierarchy.group_names, targets.actions)
    issue, group, action = (fields.take(n.kind, reference(n), "") for n in names)
    given = [n.kind for n in names if n.kind in fields]
    if len(given) > 1:
        fields.report.error(
            fields.key_place(given[1]), f"'{given[0]}' and '{given[1]}': name only one of them"
        )
    return issue, group, action
