"""influencers of policies.yaml: what raises or lowers an action for a time after what the customer said."""

from typing import Final

from engine.model import Micros
from engine.rulebook.doubts import remark_fraction
from engine.rulebook.fields import Fields, named
from engine.rulebook.influencer import Influencer
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node, Scalar
from engine.rulebook.readers import (
    Reader,
    allowing,
    duration,
    list_of,
    number,
    one_of,
    reference,
    words,
)
from engine.rulebook.report import Mistake, Report
from engine.rulebook.target import Targets, read_target

SCOPES: Final = ("action", "group", "issue")
_ALWAYS: Final = "always"


def read_influencers(
    node: Node | None, targets: Targets, outcomes: Names, channel: Reader[str], report: Report
) -> tuple[Influencer, ...]:
    """The influencers by name; `channel` reads a channel of the book."""
    found = []
    for name, key, value in named(node, report, "influencers"):
        fields = Fields(value, report, f"influencer '{name}'", key.place)
        issue, group, action = read_target(fields, targets)
        influencer = Influencer(
            name=name,
            title=fields.take("title", words, ""),
            outcome=fields.need("on", reference(outcomes), ""),
            scope=fields.need("scope", one_of("scope", SCOPES), "action"),
            weight=_weight(fields),
            after=fields.take("after", duration, 0),
            grows_over=fields.take("grows_over", duration, 0),
            lasts=_lasts(fields),
            fades_over=fields.take("fades_over", duration, 0),
            channels=frozenset(fields.take("channels", list_of(channel, least=1), ())),
            issue=issue,
            group=group,
            action=action,
            place=str(key.place),
        )
        fields.close()
        found.append(influencer)
    return tuple(found)


def _weight(fields: Fields) -> float:
    weight = fields.need("weight", number(-100, 10_000), 1.0)
    if weight == 0:
        fields.report.error(fields.place_of("weight"), "a weight of 0 changes nothing")
    remark_fraction(weight, fields.place_of("weight"), fields.report)
    return weight


def _lasts(fields: Fields) -> Micros | None:
    """How long it stays at its height: 0 if it fades at once, None if it never ends, which must be said."""
    lasts: Micros | None = fields.take("lasts", _duration_or_always, 0)
    fading = "fades_over" in fields
    if lasts is None and fading:
        message = "what lasts always cannot fade: say how long it lasts, or leave out 'fades_over'"
        fields.report.error(fields.key_place("fades_over"), message)
    if not ("lasts" in fields or fading or fields.lost("lasts") or fields.lost("fades_over")):
        message = "say how it ends: 'lasts: 30d', 'fades_over: 30d' or both; or 'lasts: always'"
        fields.report.error(fields.place, message)
    return lasts


@allowing(type="string", pattern=f"^([0-9]+[smhdw]|{_ALWAYS})$")
def _duration_or_always(node: Node) -> Micros | None:
    if isinstance(node, Scalar) and node.text == _ALWAYS:
        return None
    try:
        return duration(node)
    except Mistake as mistake:
        raise Mistake(*((p, f"{m}; or '{_ALWAYS}'") for p, m in mistake.found)) from None
