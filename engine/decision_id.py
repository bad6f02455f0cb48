"""A decision's id: its time and its seed, so that ids sort by time and none comes twice."""

import re
from typing import Final

from engine.model import DecisionId, Micros

_FORM: Final = re.compile(r"[0-9a-f]{14}-[0-9a-f]{16}")


def decision_id(decided_at: Micros, seed: int) -> DecisionId:
    """The id of the decision made at this time by this seed.

    >>> decision_id(1_795_000_000_000_000, 1234)
    '06608b015f3000-00000000000004d2'
    """
    return DecisionId(f"{decided_at:014x}-{seed:016x}")


def is_decision_id(text: str) -> bool:
    """Whether a text has the form of a decision's id.

    >>> is_decision_id("06608b015f3000-00000000000004d2"), is_decision_id("anna")
    (True, False)
    """
    return _FORM.fullmatch(text) is not None
