"""Triggers that are valid and were probably meant otherwise: what `attune check` remarks."""

from collections.abc import Sequence

from engine.rulebook.attributes import Attributes
from engine.rulebook.names import Names
from engine.rulebook.report import Report
from engine.rulebook.trigger import Trigger
from engine.rulebook.triggers import WrittenTrigger


def remark_triggers(
    written: Sequence[WrittenTrigger],
    triggers: Sequence[Trigger],
    attributes: Attributes,
    outcomes: Names,
    report: Report,
) -> None:
    """Remarks triggers set off by what has the name of an outcome, and those that look at other events only."""
    places = {one.name: one.place for one in written}
    for trigger in triggers:
        kind, place = f"trigger {trigger.name}", places[trigger.name]
        for event in trigger.on:
            if event in outcomes.known:
                message = (
                    f"'{event}' is also an outcome: interactions of this type set this off, and no"
                    " answers to offers"
                )
                report.notice(f"{kind} on {event}", place, message)
        if not trigger.rest and _looks_elsewhere(trigger, attributes):
            message = (
                f"'when' counts no {' or '.join(trigger.on)}, but is looked at each time that happens, and"
                " may be true each time: give it a rest"
            )
            report.notice(f"{kind} elsewhere", place, message)


def _looks_elsewhere(trigger: Trigger, attributes: Attributes) -> bool:
    """Whether its condition is about events only, and about none of those that set it off."""
    asked = [name for name in trigger.reads if name != "now"]
    named = map(attributes.named, asked)
    kept = all(one is not None and one.source is not None for one in named)
    return bool(trigger.on and asked and kept and not trigger.counts)
