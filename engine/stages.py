"""Stages: how long each part of the journey takes, of every decision, cheap enough to be always on."""

from typing import Final

import numpy as np

from engine.native import native

WAIT: Final = "wait"
"""Before the journey: how long a question waited for those that were taken up in the same turn of the loop."""

STAGES: Final = ("parse", "profile", "rules", "score", "arbitrate", "record", "encode")
"""The parts of the journey, in their order.

    parse       the request becomes a question
    profile     the customer is known: in memory, or read, or waited for in vain
    rules       values, conditions, eligibility
    score       features and propensities
    arbitrate   limits, arbitration, the choice, placement
    record      the token is sealed, the log has the decision
    encode      the answer's bytes
"""

STAGE_BOUNDS: Final = (
    0.000_005, 0.000_01, 0.000_02, 0.000_035, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005,
    0.01, 0.02, 0.05,
)  # fmt: skip
"""Upper bounds of the buckets a stage is counted in, in seconds."""

_BOUNDS: Final = np.array(STAGE_BOUNDS)
_ROW: Final = len(STAGE_BOUNDS) + 2


class StageTally:
    """How often each stage took how long, of one channel.

    It may be read from another thread, which then may miss the last decision.

    >>> tally = StageTally()
    >>> tally.note((0.000_004, 0.0, 0.000_02, 0.0, 0.0, 0.0, 1.0))
    >>> tally.row(0)[:2], tally.row(2)[:3], tally.row(6)[-2:]
    ([1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0])
    """

    __slots__ = ("_counts", "_waits")

    def __init__(self) -> None:
        self._counts = np.zeros(_ROW * (len(STAGES) + 1))
        self._waits = self._counts[-_ROW:]

    def note(self, took: tuple[float, ...]) -> None:
        """Counts one decision, by the seconds of each of its stages."""
        native.tally(self._counts, _BOUNDS, took)

    def waited(self, seconds: float) -> None:
        """Counts one question's wait."""
        native.tally(self._waits, _BOUNDS, (seconds,))

    def row(self, stage: int) -> list[float]:
        """The buckets of a stage (its place in `STAGES`; behind them is `WAIT`), and behind those its seconds."""
        found: list[float] = self._counts[stage * _ROW : (stage + 1) * _ROW].tolist()
        return found
