"""Placements: where offers are shown, in which channel, with which texts, and what if there is none."""

from collections.abc import Mapping
from typing import Final

from engine.model import PlacementId
from engine.rulebook.attributes import Attributes, value_problem
from engine.rulebook.book import Placement
from engine.rulebook.fields import Fields, named
from engine.rulebook.nodes import Node
from engine.rulebook.readers import Reader, allowing, identifier, whole
from engine.rulebook.report import Mistake, Report
from engine.rulebook.texts import read_fallback

MOST_SLOTS: Final = 1000


def read_placements(policies: Fields, attributes: Attributes) -> dict[str, Placement]:
    """The key placements of policies.yaml; their treatments are found later.

    A placement whose number of slots cannot be told has as many as there can be.
    """
    policies.require("placements")
    placements = {}
    for name, key, node in named(policies.node("placements"), policies.report, "placements"):
        fields = Fields(node, policies.report, f"placement '{name}'", key.place)
        channel = fields.need("channel", channel_reader(attributes), "")
        slots = fields.take("slots", whole(1, MOST_SLOTS), None)
        fields.require("texts")
        limits = _limits(fields.node("texts"), fields.report)
        fields.require("fallback")
        fallback = read_fallback(
            fields.node("fallback"), limits, fields.report, fields.key_place("fallback")
        )
        fields.close()
        if slots is None:
            slots = MOST_SLOTS if "slots" in fields or fields.lost("slots") else 1
        placements[name] = Placement(PlacementId(name), channel, slots, limits, fallback, ())
    return placements


def channel_reader(
    attributes: Attributes, used: Mapping[str, Placement] | None = None
) -> Reader[str]:
    """A channel: one that request.channel can have; if it is open, one that a placement has."""
    declared = attributes.named("request.channel")

    def read(node: Node) -> str:
        channel = identifier(node)
        if declared and declared.values:
            if channel not in declared.values:
                raise Mistake((node.place, value_problem(channel, declared)))
        elif used is not None and channel not in {placement.channel for placement in used.values()}:
            raise Mistake((node.place, f"no placement has the channel '{channel}'"))
        return channel

    return allowing(names="channel")(read)


def _limits(node: Node | None, report: Report) -> dict[str, int]:
    """How many characters each text of a placement may have."""
    limits = {}
    for name, _, value in named(node, report, "texts and their longest length"):
        try:
            limits[name] = whole(1, 100_000)(value)
        except Mistake as mistake:
            report.mistake(mistake)
            limits[name] = 100_000
    return limits
