"""Issues, groups and what every action inherits from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from engine.rulebook.conditions import WrittenCondition, policy_tests
from engine.rulebook.doubts import remark_fraction
from engine.rulebook.fields import Fields, is_nothing, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import MapNode, Node
from engine.rulebook.readers import list_of, number, reference, words
from engine.rulebook.report import Report
from engine.rulebook.stages import Stages


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the hierarchy: its lever in percent, its conditions, and for a group its issue.

    `complete` is False if a condition may have been lost by a mistake. `contact_policies` are obeyed
    by all actions below; `purpose` is what they need consent for, "" if that is said elsewhere.
    """

    level: str
    owner: str
    lever: float = 0.0
    conditions: tuple[WrittenCondition, ...] = ()
    issue: str = ""
    complete: bool = True
    contact_policies: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True)
class Hierarchy:
    """all_actions, issues and groups; `complete` is False if some may be missing."""

    all_actions: Level
    issues: Mapping[str, Level]
    groups: Mapping[str, Level]
    complete_issues: bool
    complete_groups: bool
    lost: frozenset[str] = frozenset()

    def is_complete(self, group: str) -> bool:
        """Whether everything the group's actions inherit is known."""
        levels = (self.all_actions, self.issues.get(self.issue_of(group)), self.groups.get(group))
        return self.complete_issues and all(level and level.complete for level in levels)

    @cached_property
    def issue_names(self) -> Names:
        """The issues one may refer to."""
        return Names.of("issue", self.issues, complete=self.complete_issues, lost=self.lost)

    @cached_property
    def group_names(self) -> Names:
        """The groups one may refer to."""
        return Names.of("group", self.groups, complete=self.complete_groups, lost=self.lost)

    def issue_of(self, group: str) -> str:
        """The issue a group belongs to; empty if that cannot be told."""
        return self.groups[group].issue if group in self.groups else ""

    def above(self, group: str) -> tuple[Level, ...]:
        """What an action of the group inherits from, the widest first."""
        issue = self.issues.get(self.issue_of(group))
        own = self.groups.get(group)
        return tuple(level for level in (self.all_actions, issue, own) if level)

    def contact_policies(self, group: str) -> tuple[str, ...]:
        """The contact policies an action of the group inherits, the widest level's first."""
        named = (name for level in self.above(group) for name in level.contact_policies)
        return tuple(dict.fromkeys(named))

    def purpose(self, group: str) -> str:
        """What an action of the group needs consent for, unless it says so itself; "" if unsaid."""
        said = [level.purpose for level in self.above(group) if level.purpose]
        return said[-1] if said else ""

    def percent(self, group: str) -> float:
        """The levers of the issue and the group, in percent."""
        return sum(level.lever for level in self.above(group))

    @cached_property
    def conditions(self) -> tuple[WrittenCondition, ...]:
        """Every condition of the hierarchy, the widest level first."""
        levels = (self.all_actions, *self.issues.values(), *self.groups.values())
        return tuple(condition for level in levels for condition in level.conditions)


class Referred(NamedTuple):
    """What levels of the hierarchy may name."""

    contact_policies: Names
    purposes: Names
    stages: Stages


def read_hierarchy(policies: Fields, referred: Referred) -> Hierarchy:
    """The keys issues, groups and all_actions of policies.yaml."""
    report = policies.report
    policies.require("issues")
    policies.require("groups")
    issues_node, groups_node = policies.node("issues"), policies.node("groups")
    lost = report.lost_words()
    complete_issues = isinstance(issues_node, MapNode)
    issues = _issues(issues_node, referred, report)
    names = Names.of("issue", issues, complete=complete_issues, lost=lost)
    hierarchy = Hierarchy(
        all_actions=_all_actions(policies, referred),
        issues=issues,
        groups=_groups(groups_node, names, referred, report),
        complete_issues=complete_issues,
        complete_groups=isinstance(groups_node, MapNode),
        lost=lost,
    )
    _check_shadowing(hierarchy, report)
    return hierarchy


def _issues(node: Node | None, referred: Referred, report: Report) -> dict[str, Level]:
    issues = {}
    for name, key, value in named(node, report, "issues"):
        node = MapNode(value.place, {}) if is_nothing(value) else value
        fields = Fields(node, report, f"issue '{name}'", key.place)
        issues[name] = _level(fields, "issue", name, referred)
        fields.close()
    return issues


def _groups(
    node: Node | None, issues: Names, referred: Referred, report: Report
) -> dict[str, Level]:
    groups = {}
    for name, key, value in named(node, report, "groups"):
        fields = Fields(value, report, f"group '{name}'", key.place)
        issue = fields.need("issue", reference(issues), "")
        groups[name] = _level(fields, "group", name, referred, issue)
        fields.close()
    return groups


def _level(fields: Fields, level: str, owner: str, referred: Referred, issue: str = "") -> Level:
    fields.take("title", words, "")
    lever = fields.take("lever", number(-100, 10_000), 0.0)
    remark_fraction(lever, fields.place_of("lever"), fields.report)
    tests = policy_tests(fields, level, owner, referred.stages)
    return Level(
        level,
        owner,
        lever,
        tests.conditions,
        issue,
        tests.complete,
        contact_policies=_contact_policies(fields, referred),
        purpose=fields.take("purpose", reference(referred.purposes), ""),
    )


def _contact_policies(fields: Fields, referred: Referred) -> tuple[str, ...]:
    return fields.take("contact_policies", list_of(reference(referred.contact_policies)), ())


def _all_actions(policies: Fields, referred: Referred) -> Level:
    node = policies.node("all_actions")
    if node is None:
        return Level(
            "all_actions",
            "",
            complete=policies.stands("all_actions") or not policies.lost("all_actions"),
        )
    fields = Fields(node, policies.report, "all_actions")
    tests = policy_tests(fields, "all_actions", "", referred.stages)
    obeyed = _contact_policies(fields, referred)
    fields.close()
    return Level(
        "all_actions",
        "",
        conditions=tests.conditions,
        complete=tests.complete,
        contact_policies=obeyed,
    )


def _check_shadowing(hierarchy: Hierarchy, report: Report) -> None:
    """No issue may redefine what all actions inherit, no group what its issue's actions do."""
    for issue in hierarchy.issues.values():
        check_shadowing(issue.conditions, hierarchy.all_actions.conditions, report)
    for group in hierarchy.groups.values():
        above = [c for level in hierarchy.above(group.owner)[:-1] for c in level.conditions]
        check_shadowing(group.conditions, above, report)


def check_shadowing(
    own: tuple[WrittenCondition, ...],
    inherited: list[WrittenCondition] | tuple[WrittenCondition, ...],
    report: Report,
) -> None:
    """Reports conditions that bear the name of an inherited one under the same test."""
    known = {(condition.test, condition.name): condition for condition in inherited}
    for condition in own:
        above = known.get((condition.test, condition.name))
        if above:
            owner = f" of {above.level} '{above.owner}'" if above.owner else " of all_actions"
            report.error(
                condition.place,
                f"'{condition.name}' is already a condition{owner}: name this one otherwise"
                + (", or opt out of the inherited one" if condition.level == "action" else ""),
            )
