"""stop.yaml: the emergency stop. Whatever it lists is out as soon as the file is read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from engine.rulebook.actions import WrittenAction
from engine.rulebook.fields import Fields
from engine.rulebook.names import Names
from engine.rulebook.nodes import ListNode, Node, described, shortened
from engine.rulebook.policies import Policies
from engine.rulebook.readers import Reader, allowed, allowing, as_written, list_of, reference, words
from engine.rulebook.report import Place, Report
from engine.rulebook.snapshot import STOPS
from engine.rulebook.stop import Stop
from engine.rulebook.validity import moment

KINDS: Final = ("action", "treatment", "placement", "group", "issue", "channel")


@dataclass(frozen=True, slots=True)
class Stoppable:
    """What can be stopped: the declared names, by kind; `zone` is that of dates."""

    names: Mapping[str, Names]
    zone: ZoneInfo

    @classmethod
    def of(
        cls,
        actions: Names,
        written: Iterable[WrittenAction],
        policies: Policies,
        channels: Iterable[str],
    ) -> "Stoppable":
        """Everything a book declares, as far as it could be read."""
        treatments = (t.treatment_id for action in written for t in action.treatments)
        placements = policies.placement_names
        used = (placement.channel for placement in policies.placements.values())
        known = (
            actions,
            Names.of("treatment", treatments, complete=actions.complete, lost=actions.lost),
            placements,
            policies.hierarchy.group_names,
            policies.hierarchy.issue_names,
            Names.of(
                "channel",
                {*channels, *used},
                complete=placements.complete,
                lost=placements.lost,
            ),
        )
        return cls({names.kind: names for names in known}, policies.zone)


def read_stops(root: Node | None, stoppable: Stoppable, report: Report) -> tuple[Stop, ...]:
    """The stops of stop.yaml, in its order. Those that hold, or will, are remarked; so are those over.

    Nothing but the name of what is to be stopped has to be there: whoever is in a hurry says why later.
    """
    if root is None:
        return ()
    fields = Fields(root, report, STOPS)
    fields.require("stopped")
    listed = fields.node("stopped")
    fields.close()
    if listed is None:
        return ()
    if not isinstance(listed, ListNode):
        message = f"expected a list of what is stopped, found {described(listed)}"
        report.error(listed.place, message)
        return ()
    return tuple(stop for item in listed.items for stop in _stops(item, stoppable, report))


def _stops(node: Node, stoppable: Stoppable, report: Report) -> Iterator[Stop]:
    """The stops of one entry: one for each name."""
    before = report.errors
    fields = Fields(node, report, "a stop")
    named = {kind: fields.take(kind, _one_or_more(stoppable.names[kind]), ()) for kind in KINDS}
    given = [kind for kind in KINDS if kind in fields]
    since = fields.take("since", moment(stoppable.zone), None)
    until = fields.take("until", moment(stoppable.zone, day_end=True), None)
    for key in ("reason", "owner"):
        fields.take(key, words, "")
    fields.close()
    if len(given) > 1:
        message = f"'{given[0]}' and '{given[1]}': a stop is of one kind of things, write two stops"
        report.error(fields.key_place(given[1]), message)
    elif not given and report.errors == before:
        report.error(fields.place, f"a stop names what is stopped: one of {', '.join(KINDS)}")
    if since is not None and until is not None and since >= until:
        report.error(fields.place_of("until"), "'until' is before 'since': nothing is ever stopped")
    if report.errors > before:
        return
    written = fields.node(given[0])
    nodes = written.items if isinstance(written, ListNode) else (written,)
    for name, one in zip(named[given[0]], nodes, strict=True):
        place = one.place if one else fields.place
        stop = Stop(given[0], name, (since, until), _told(fields), str(place))
        _remark(stop, place, report)
        yield stop


def _one_or_more(names: Names) -> Reader[tuple[str, ...]]:
    """A name, or a list of names."""
    one = reference(names)
    several = list_of(one, least=1)

    @allowing(anyOf=(allowed(one), allowed(several)))
    def read(node: Node) -> tuple[str, ...]:
        return several(node) if isinstance(node, ListNode) else (one(node),)

    return read


def _told(fields: Fields) -> str:
    """Since when, until when, by whom and why: `, since 2026-11-21, by Anna: the price is wrong`."""
    said = {key: fields.take(key, as_written, "") for key in ("since", "until", "owner", "reason")}
    parts = (("since", "since"), ("until", "until"), ("by", "owner"))
    told = "".join(f", {word} {shortened(said[key])}" for word, key in parts if said[key])
    return f"{told}: {shortened(said['reason'])}" if said["reason"] else told


def _remark(stop: Stop, place: Place, report: Report) -> None:
    since, until = stop.valid
    if report.is_past(until):
        told = f"over: this stop changes nothing now ({stop})"
    elif since is None or report.now is None or since <= report.now:
        told = f"stopped: {stop}"
    else:
        told = f"to be stopped: {stop}"
    report.notice(f"stop {place}", place, told)
