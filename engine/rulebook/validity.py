"""When an action may be offered: `valid: {from, to, timezone}`."""

from zoneinfo import ZoneInfo

from engine.model import Micros
from engine.rulebook.fields import Fields
from engine.rulebook.nodes import Node, Scalar, described
from engine.rulebook.readers import Reader, allowing, zone
from engine.rulebook.report import Mistake, Report
from engine.rulebook.spellings import day_meant
from engine.rulebook.times import moment_of


def read_validity(
    node: Node | None, local: ZoneInfo, report: Report
) -> tuple[Micros | None, Micros | None]:
    """The half-open span [from, to), open where nothing is written.

    A `to` that is a date lasts to the end of that day.

    Dates, and timestamps without an offset, are read in `timezone`, in the book's (`local`) if there
    is none.
    """
    if node is None:
        return None, None
    fields = Fields(node, report, "valid")
    local = fields.take("timezone", zone, local)
    begin = fields.take("from", moment(local), None)
    end = fields.take("to", moment(local, day_end=True), None)
    fields.close()
    if begin is not None and end is not None and begin >= end:
        report.error(fields.place_of("to"), "'to' is before 'from': this is never valid")
    elif report.is_past(end):
        place = fields.place_of("to")
        report.notice(f"expired {place}", place, "expired: this action is not offered any more")
    return begin, end


def _hint(node: Node) -> str:
    return day_meant(node.text) if isinstance(node, Scalar) else ""


def moment(local: ZoneInfo | None = None, *, day_end: bool = False) -> Reader[Micros]:
    """A date or timestamp."""

    def read(node: Node) -> Micros:
        found = moment_of(node.text, local, day_end=day_end) if isinstance(node, Scalar) else None
        if found is None:
            raise Mistake(
                (
                    node.place,
                    "expected a date like 2026-11-21 or a time like 2026-11-21T10:00:00Z, "
                    f"found {described(node)}{_hint(node)}",
                )
            )
        return found

    return allowing(type="string", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$")(read)
