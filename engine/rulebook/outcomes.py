"""Outcomes: what a response is worth to what learns from it, and for how long it counts."""

from typing import Final

from engine.model import NOT_DELIVERED
from engine.rulebook.fields import Fields, named
from engine.rulebook.model_spec import Reward
from engine.rulebook.nodes import MapNode, Node, Scalar
from engine.rulebook.readers import duration, number
from engine.rulebook.report import Mistake, Report

USUAL: Final = {
    "impression": 0.0,
    "click": 0.2,
    "accept": 1.0,
    "reject": 0.0,
    "dismiss": 0.0,
    NOT_DELIVERED: None,
}
"""The outcomes of a book that declares none."""


def read_outcomes(node: Node | None, report: Report) -> dict[str, Reward]:
    """The key outcomes: a reward from 0 to 1 for each, or null for one that teaches nothing.

    Where an outcome may come later or must come sooner than others, it is a mapping of reward and window.
    """
    if node is None:
        return {outcome: Reward(worth) for outcome, worth in USUAL.items()}
    return read_rewards(node, report)


def read_rewards(node: Node, report: Report) -> dict[str, Reward]:
    """Rewards by outcome; what is wrong with one is reported, and it is worth 0."""
    outcomes: dict[str, Reward] = {}
    for name, key, value in named(node, report, "outcomes and their rewards"):
        outcomes[name] = Reward(0.0)
        if isinstance(value, MapNode):
            fields = Fields(value, report, f"outcome '{name}'", key.place)
            if not fields.stands("reward"):
                fields.require("reward")
            worth = fields.take_null("reward", _worth, 0.0)
            outcomes[name] = Reward(worth, fields.take("window", duration, None))
            fields.close()
            continue
        try:
            worth = _worth(value)
            outcomes[name] = Reward(worth)
            if name == NOT_DELIVERED and worth is not None:
                message = f"'{name}' teaches nothing, whatever it is worth: write null"
                report.notice(f"outcomes.{name}", value.place, message)
        except Mistake as mistake:
            report.mistake(mistake)
    return outcomes


def _worth(node: Node) -> float | None:
    if isinstance(node, Scalar) and node.value is None and node.text:
        return None
    return number(0, 1)(node)
