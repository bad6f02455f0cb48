"""What experts do once for every column of a lesson, as machine code where numba is installed.

As in `engine.kernels.loops`, each loop is written twice, for numba and for numpy, with the same answers to
the last bit: a log can be learned again with either.
"""

from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.kernels.loops import fastest

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


class Opine(Protocol):
    """Every expert's logit."""

    def __call__(
        self,
        columns: Indexes,
        values: Numbers,
        rows: Indexes,
        matrix: Numbers,
        details: Indexes,
        value: float,
        coarse: Numbers,
        fine: Numbers,
        logits: Numbers,
        /,
    ) -> None:
        """Writes the sums of weight · value to `logits`, shape (2 + E,).

        The first is that of the table's row `rows[0]`, the next E those of the experts, the last that
        of all other `rows` together. `columns` and `values` are the encoded features, `matrix` the
        table's weights, `coarse` the panel's, shape (columns, 2E): E weights, then E precisions.
        `fine`, shape (details, 2F), holds the same of the first F experts, who see `value` in each of
        the columns `details` as well.
        """


class Teach(Protocol):
    """One step of every expert's diagonal Laplace approximation."""

    def __call__(
        self,
        columns: Indexes,
        values: Numbers,
        details: Indexes,
        value: float,
        rules: Numbers,
        gradients: Numbers,
        curvatures: Numbers,
        coarse: Numbers,
        fine: Numbers,
        /,
    ) -> None:
        """Changes `coarse` and `fine`; arguments as for `Opine`, and one number for each expert.

        With s a weight's precision, h = curvature · value², and (prior, gain, fading) a row of
        `rules`, shape (E, 3): s grows by gain · h − fading · h · (s − prior), then the weight falls by
        gradient · value / s.
        """


class Settle(Protocol):
    """What a lesson says about whom to believe."""

    def __call__(
        self,
        logits: Numbers,
        label: float,
        is_correction: bool,
        trust: Numbers,
        start: Numbers,
        stacks: Numbers,
        spreads: Numbers,
        /,
    ) -> None:
        """Changes `trust`, shape (C,), `stacks`, (S, D), and `spreads`, (S, D, D); see `Mixture`.

        `logits`, shape (D,), are the experts', the last that of the rate alone; `start` is the trust
        everybody began with.
        """


class ExpertLoops(NamedTuple):
    """The three, one way or the other."""

    opine: Opine
    teach: Teach
    settle: Settle


@cache
def expert_loops() -> ExpertLoops:
    """The loops of this machine; the first call imports numba."""
    from engine.experts.arrays import ARRAYS

    found: ExpertLoops = fastest("engine.experts.compiled", ARRAYS)
    return found
