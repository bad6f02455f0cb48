"""consents of policies.yaml: what must be agreed to, for each purpose and on each channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.rulebook.conditions import WrittenCondition, expression, named_conditions
from engine.rulebook.fields import Fields
from engine.rulebook.names import Names
from engine.rulebook.readers import reference

TEST: Final = "consent"
"""The key of these conditions: their reason codes are `consent.channel` and `consent.<purpose>`."""

_CHANNEL: Final = "channel"


@dataclass(frozen=True, slots=True)
class Consents:
    """The conditions of consent: one for every action, one for each purpose.

    `default` is the purpose of actions for which neither they nor their group or issue name one.
    """

    purposes: Mapping[str, WrittenCondition] = field(default_factory=dict)
    channel: WrittenCondition | None = None
    default: str = ""
    names: Names = field(default_factory=lambda: Names("purpose"))

    @property
    def conditions(self) -> tuple[WrittenCondition, ...]:
        """All of them."""
        return tuple(filter(None, (self.channel, *self.purposes.values())))

    def of(self, purpose: str) -> tuple[WrittenCondition, ...]:
        """Those an action with this purpose must meet; "" is the default purpose."""
        return tuple(filter(None, (self.channel, self.purposes.get(purpose or self.default))))


def read_consents(policies: Fields) -> Consents:
    """The key consents of policies.yaml; nothing is asked where it is absent.

    A `default` that is no purpose is reported once; then reading goes on with the first purpose.
    """
    node, report = policies.node("consents"), policies.report
    if node is None:
        return Consents(names=Names("purpose", complete=not policies.lost("consents")))
    fields = Fields(node, report, "consents", policies.key_place("consents"))
    scalar = fields.take(_CHANNEL, expression, None)
    place = fields.key_place(_CHANNEL)
    channel = WrittenCondition(TEST, _CHANNEL, "all_actions", "", place, scalar) if scalar else None
    written = named_conditions(fields.node("purposes"), report, TEST, "all_actions", "")
    fields.require("purposes")
    purposes = {condition.name: condition for condition in written}
    if _CHANNEL in purposes:
        report.error(purposes[_CHANNEL].place, "'channel' cannot be the name of a purpose")
    names = Names.of("purpose", purposes, lost=report.lost_words())
    default = fields.take("default", reference(names), "")
    if not default and "default" in fields:
        default = next(iter(purposes), "")
    fields.close()
    return Consents(purposes, channel, default, names)
