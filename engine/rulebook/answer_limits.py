"""limits of arbitration: how many offers of an issue, a group or a family one answer may hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.rulebook.answer_limit import AnswerLimit
from engine.rulebook.book import Action
from engine.rulebook.fields import Fields, named
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.readers import identifier, one_of, reference, whole, words
from engine.rulebook.report import Place, Report
from engine.rulebook.target import Targets

_LEVELS: Final = ("issue", "group")
_KINDS: Final = (*_LEVELS, "each")


@dataclass(frozen=True, slots=True)
class WrittenLimit:
    """An answer limit before the actions are known.

    It concerns one `issue` or `group`, or each of what `each` names for itself: the issues, the
    groups, or the values of an attribute of the actions.
    """

    name: str
    title: str
    issue: str
    group: str
    each: str
    at_most: int
    by_placement: bool
    place: Place
    each_place: Place


def read_answer_limits(
    node: Node | None, targets: Targets, report: Report
) -> tuple[WrittenLimit, ...]:
    """The limits by name."""
    found = []
    for name, key, value in named(node, report, "limits"):
        fields = Fields(value, report, f"limit '{name}'", key.place)
        limit = WrittenLimit(
            name=name,
            title=fields.take("title", words, ""),
            issue=fields.take("issue", reference(targets.hierarchy.issue_names), ""),
            group=fields.take("group", reference(targets.hierarchy.group_names), ""),
            each=fields.take("each", identifier, ""),
            at_most=fields.need("at_most", whole(1, 1000), 1),
            by_placement=fields.take("per", one_of("span", ("answer", "placement")), "answer")
            == "placement",
            place=key.place,
            each_place=fields.place_of("each"),
        )
        given = [kind for kind in _KINDS if kind in fields]
        if len(given) > 1:
            message = f"'{given[0]}' and '{given[1]}': name only one of them"
            report.error(fields.key_place(given[1]), message)
        elif not given and not any(map(fields.lost, _KINDS)):
            message = "say what is limited: 'group: …', 'issue: …', or 'each: group'"
            report.error(fields.place, message)
        fields.close()
        found.append(limit)
    return tuple(found)


def answer_limits(
    written: Sequence[WrittenLimit], actions: Sequence[Action], report: Report
) -> Iterator[AnswerLimit]:
    """The limits, with what is counted together; `each` must name what some action has."""
    attributes = sorted({name for action in actions for name in action.attributes})
    known = Names.of("kind", (*_LEVELS, *attributes), lost=report.lost_words())
    for limit in written:
        problem = known.problem(limit.each) if limit.each else None
        if problem:
            report.error(limit.each_place, problem)
            continue
        yield AnswerLimit(
            name=limit.name,
            title=limit.title,
            at_most=limit.at_most,
            by_placement=limit.by_placement,
            kinds=tuple(_kind(limit, action) for action in actions),
            place=str(limit.place),
        )


def _kind(limit: WrittenLimit, action: Action) -> str:
    """What an action is counted as: `group bundles`, `family data`; empty if it is not."""
    if limit.each:
        levels = {"issue": action.issue, "group": action.group}
        value = levels.get(limit.each, action.attributes.get(limit.each, ""))
        return f"{limit.each} {value}" if value else ""
    if limit.issue:
        return f"issue {limit.issue}" if limit.issue == action.issue else ""
    return f"group {limit.group}" if limit.group == action.group else ""
