"""The key measured of an action: what it is to change, seen with the offer and without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.model import DAY, ActionId, Micros
from engine.rulebook.book import Action, ActionClass, Measured, Threshold
from engine.rulebook.fields import Fields
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.readers import (
    Reader,
    allowed,
    allowing,
    duration,
    identifier,
    number,
    one_of,
)
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.trial import Holdout, Trials

ABSENT: Final = "absent"
_BETTER: Final = (ABSENT, "present")
_LONGEST: Final = 366 * DAY


@dataclass(frozen=True, slots=True)
class WrittenMeasure:
    """What is measured, before the holdouts are known."""

    outcome: str
    within: Micros
    better_absent: bool
    expected: float
    keep_trying: float
    place: Place


def read_measured(
    node: Node | None, action_class: str, outcomes: Names, report: Report
) -> WrittenMeasure | None:
    """The key measured: the outcome, its time, which is better, and what is expected beforehand."""
    if node is None:
        return None
    fields = Fields(node, report, "what is measured")
    measure = WrittenMeasure(
        outcome=fields.need("outcome", _outcome(outcomes), ""),
        within=fields.need("within", _within, DAY),
        better_absent=fields.need("better", one_of("better", _BETTER), ABSENT) == ABSENT,
        expected=fields.take("expected", _above_nothing, 0.01),
        keep_trying=fields.take("keep_trying", number(0, 1), 0.05),
        place=node.place,
    )
    fields.close()
    if action_class != ActionClass.PROMOTIONAL:
        message = (
            f"only promotional actions can be held out, and so measured: this is {action_class}"
        )
        report.error(node.place, message)
    return measure


def measured_actions(
    measures: Mapping[str, WrittenMeasure],
    actions: Sequence[Action],
    trials: Trials,
    report: Report,
    *,
    complete: bool,
) -> dict[ActionId, Measured]:
    """What is measured of each action, by lots of a holdout that keeps it back.

    Without such a holdout nobody could tell what the action changes, which is an error; not so if the
    holdouts are not all known (`complete`).
    """
    found = {}
    for action in actions:
        measure = measures.get(action.action_id)
        if measure is None:
            continue
        holdout = _holdout_of(action, trials)
        if holdout is not None:
            found[action.action_id] = _measured(measure, action, holdout, trials.timezone)
        elif complete and action.action_class is ActionClass.PROMOTIONAL:
            report.error(measure.place, _without_holdout(action, trials))
    return found


def remark_thresholds(
    measured: Mapping[ActionId, Measured],
    measures: Mapping[str, WrittenMeasure],
    actions: Sequence[Action],
    thresholds: Sequence[Threshold],
    report: Report,
) -> None:
    """Remarks what is never tried, since less is expected of it than a threshold asks."""
    for name, one in measured.items():
        action = actions[one.action]
        for asked in thresholds:
            wanted = zip((asked.issue, asked.group, asked.action), _levels(action), strict=True)
            if all(w in ("", a) for w, a in wanted) and (asked.propensity or 0.0) > one.expected:
                report.notice(
                    f"expected {name}",
                    measures[name].place,
                    f"{one.expected:g} is expected of this, and a threshold asks {asked.propensity:g}"
                    f" {f'on {asked.channel} ' if asked.channel else ''}of its change: it is never"
                    " tried there unless 'expected' is at least that",
                )


def _levels(action: Action) -> tuple[str, str, str]:
    return action.issue, action.group, action.action_id


def _holdout_of(action: Action, trials: Trials) -> Holdout | None:
    """The first holdout of this action, its group or its issue that has somebody in it."""
    own = (h for h in trials.holdouts if not h.whole and h.share > 0.0)
    return next((h for h in own if h.treatments.issuperset(action.treatments)), None)


def _measured(measure: WrittenMeasure, action: Action, holdout: Holdout, timezone: str) -> Measured:
    return Measured(
        action.index,
        measure.outcome,
        measure.within,
        measure.better_absent,
        measure.expected,
        measure.keep_trying,
        holdout.name,
        holdout.salt,
        holdout.period,
        timezone,
    )


def _without_holdout(action: Action, trials: Trials) -> str:
    name = f"without_{action.action_id}"
    written = f"{name}: {{share: 0.1, period: quarter, salt: 1, action: {action.action_id}}}"
    whole = any(holdout.whole and holdout.share for holdout in trials.holdouts)
    aside = " (those who are offered nothing at all do not tell what this one changes)"
    return (
        "what this changes can only be seen if some customers are left without it: add under"
        f" 'holdouts' in policies.yaml {written}{aside if whole else ''}"
    )


@allowing(**allowed(duration))
def _within(node: Node) -> Micros:
    length = duration(node)
    if length > _LONGEST:
        raise Mistake((node.place, "at most 366d can be waited for"))
    return length


def _outcome(outcomes: Names) -> Reader[str]:
    """The type of an interaction; not an outcome of offers, which those held out cannot give."""

    @allowing(**allowed(identifier))
    def read(node: Node) -> str:
        found = identifier(node)
        if found in outcomes.known:
            raise Mistake(
                (
                    node.place,
                    f"'{found}' is an answer to an offer, and who gets none cannot give it: name an"
                    " interaction that is reported of everybody, such as churned",
                )
            )
        return found

    return read


@allowing(**allowed(number(0, 1)))
def _above_nothing(node: Node) -> float:
    found = number(0, 1)(node)
    if found <= 0.0:
        message = (
            "an action that is expected to change nothing would never be tried: write e.g. 0.01"
        )
        raise Mistake((node.place, message))
    return found
