"""Learn: experts of everybody's propensity, each a diagonal online Laplace approximation."""

from typing import Final, NamedTuple

import numpy as np

from engine.experts.loops import Indexes, Numbers


class Rule(NamedTuple):
    """How an expert learns a weight: its posterior is taken for a normal one of its own.

    A lesson adds the log-loss's curvature p(1 − p)·x² to the weight's precision, then moves the weight
    by gradient / precision (the diagonal case of the online Laplace approximation; cf. Chapelle & Li,
    "An empirical evaluation of Thompson sampling", NIPS 2011, algorithm 3).

    Attributes:
        prior: the precision a weight begins with; the higher, the more slowly it moves at first.
        gain: how often curvature counts. Above 1 allows for columns that say the same.
        fading: how fast precision returns to the prior: the expert learns on for ever.
    """

    prior: float
    gain: float = 1.0
    fading: float = 0.0


FINE: Final = (Rule(10.0, gain=2.0), Rule(100.0), Rule(10.0, fading=0.003))
"""The experts that look at details: one quick, one careful, one that forgets."""

COARSE: Final = (Rule(10.0, gain=2.0), Rule(100.0))
"""The experts that do not, for streams in which details are noise."""

NAMES: Final = (
    "quick with details",
    "careful with details",
    "forgetful with details",
    "quick",
    "careful",
)

RULES: Final = np.array((*FINE, *COARSE))
"""The rules of all, shape (E, 3)."""

_FIRST_ROOM: Final = 64


class Panel:
    """The weights of all experts, and their precisions beside them.

    `coarse` has a line for each column of the weight table, shape (columns, 2E): E weights, then E
    precisions; `fine` one for each detail, shape (room, 2F), for the first F experts alone. Both are
    replaced by larger ones as they grow.
    """

    def __init__(self) -> None:
        self.details = 0
        self.coarse = _lines(0, len(RULES))
        self.fine = _lines(_FIRST_ROOM, len(FINE))

    def cover(self, columns: int) -> None:
        """Makes sure that there is a line for each of so many columns."""
        missing = columns - len(self.coarse)
        if missing > 0:
            self.coarse = np.concatenate((self.coarse, _lines(missing, len(RULES))))

    def add_detail(self) -> int:
        """The column of a new detail, of which nothing is known."""
        if self.details == len(self.fine):
            self.fine = np.concatenate((self.fine, _lines(self.details, len(FINE))))
        self.details += 1
        return self.details - 1

    def copy_detail(self, source: int, target: int) -> None:
        """Lets the experts think of one detail what they think of another."""
        self.fine[target] = self.fine[source]

    def used(self) -> tuple[Numbers, Numbers]:
        """The lines of all columns and of the details in use."""
        return self.coarse, self.fine[: self.details]

    def fill(self, coarse: Numbers, fine: Numbers) -> None:
        """Replaces everything by what `used` gave."""
        room = max(_FIRST_ROOM, len(fine))
        self.coarse = coarse.copy()
        self.fine = np.concatenate((fine, _lines(room - len(fine), len(FINE))))
        self.details = len(fine)

    def weights(self, columns: Indexes, details: Indexes) -> tuple[Numbers, Numbers]:
        """Each expert's weights of these columns, shape (columns, E), and of details, (details, F)."""
        return self.coarse[columns, : len(RULES)], self.fine[details, : len(FINE)]

    def loosen(self, keep: float) -> None:
        """Forgets how sure it was: what precision has grown beyond the prior shrinks to this share."""
        for lines, rules in ((self.coarse, RULES), (self.fine, RULES[: len(FINE)])):
            precisions = lines[:, len(rules) :]
            precisions[:] = rules[:, 0] + (precisions - rules[:, 0]) * keep


def _lines(count: int, experts: int) -> Numbers:
    """Weights nobody has learned, each with its expert's prior precision."""
    line = np.concatenate((np.zeros(experts), RULES[:experts, 0]))
    return np.tile(line, (count, 1))
