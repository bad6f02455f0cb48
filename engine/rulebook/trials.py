"""Holdouts and experiments of policies.yaml."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.rulebook.book import Action, ActionClass
from engine.rulebook.fields import Fields, named
from engine.rulebook.hierarchy import Hierarchy
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.readers import (
    as_written,
    number,
    one_of,
    words,
)
from engine.rulebook.report import Place, Report
from engine.rulebook.target import Targets, read_target
from engine.rulebook.trial import PERIODS, Arm, Experiments, Holdout, Trials

_PERIOD: Final = one_of("period", PERIODS)
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class WrittenHoldout:
    """A holdout before the actions are known.

    It is of one `issue`, `group` or `action` or, if all three are "", of everything.
    """

    name: str
    title: str
    share: float
    period: str
    salt: str
    issue: str
    group: str
    action: str
    place: Place


def read_holdouts(
    node: Node | None, hierarchy: Hierarchy, actions: Names, report: Report
) -> tuple[WrittenHoldout, ...]:
    """The key holdouts: by name, the share of customers who are left alone for a period."""
    found = []
    for name, key, value in named(node, report, "holdouts"):
        if name in set(Arm):
            report.error(key.place, f"'{name}' is the name of an experiment: use another one")
        fields = Fields(value, report, f"holdout '{name}'", key.place)
        title = fields.take("title", words, "")
        share = fields.need("share", number(0, 1), 0.0)
        period = fields.need("period", _PERIOD, "month")
        salt = fields.need("salt", as_written, "")
        target = read_target(fields, Targets(hierarchy, actions))
        fields.close()
        found.append(WrittenHoldout(name, title, share, period, salt, *target, key.place))
    return tuple(found)


def read_experiments(node: Node | None, report: Report) -> Experiments:
    """The key experiments: the share of customers in each standing arm, drawn anew each period."""
    if node is None:
        return Experiments()
    fields = Fields(node, report, "experiments")
    shares = [(arm, fields.take(arm, number(0, 1), 0.0)) for arm in Arm]
    period = fields.take("period", _PERIOD, "month")
    salt = fields.take("salt", as_written, "")
    fields.close()
    together = sum(share for _, share in shares)
    if together > 1 + _ROUNDING:
        report.error(node.place, f"the shares add up to {together:g}: at most 1 can be given away")
    used = tuple((arm, share) for arm, share in shares if share)
    return Experiments(used, period, salt, str(node.place))


def trials_of(
    holdouts: Iterable[WrittenHoldout],
    experiments: Experiments,
    actions: Sequence[Action],
    timezone: str,
    report: Report,
) -> Trials:
    """The trials of a book, each holdout with the treatments it keeps back."""
    return Trials(
        tuple(_holdout(written, actions, report) for written in holdouts), experiments, timezone
    )


def _holdout(written: WrittenHoldout, actions: Sequence[Action], report: Report) -> Holdout:
    named = (written.issue, written.group, written.action)
    concerned = [
        action
        for action in actions
        if all(n in ("", of) for n, of in zip(named, _levels(action), strict=True))
    ]
    held = [a for a in concerned if a.action_class is ActionClass.PROMOTIONAL]
    if not held:
        message = "this holdout keeps nothing back: only promotional actions can be held out"
        report.notice(f"holdout {written.name}", written.place, message)
    return Holdout(
        written.name,
        written.title,
        written.share,
        written.period,
        written.salt,
        frozenset(treatment for action in held for treatment in action.treatments),
        not any(named),
        str(written.place),
    )


def _levels(action: Action) -> tuple[str, str, str]:
    return action.issue, action.group, action.action_id
