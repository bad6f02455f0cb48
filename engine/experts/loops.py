"""What experts do once for every column of a lesson, as machine code where it was compiled.

As in `engine.kernels.loops`, each loop is written twice, in C and for numpy, with the same answers to
the last bit: a log can be learned again with either.
"""

from functools import cache
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.native import compiled

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

LABEL: Final = 0
"""A lesson says what came of an offer, in [0, 1]."""

CORRECTION: Final = 1
"""A lesson says by how much a label was taught too low. Nobody is surer for it."""

TAKEN_BACK: Final = 2
"""A label is unlearned: the step it would ask for now is taken the other way. Nobody is less sure."""


class Hear(Protocol):
    """What everybody makes of an offer to a customer."""

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
        mix: Numbers,
        opinions: Numbers,
        /,
    ) -> None:
        """Writes logits to `opinions`, shape (3 + E,), each less the guess all start from.

        The first is the sum of weight · value of the table's row `rows[0]`, the next E are those of the
        experts, then comes that of all other `rows` together, last the logit of them all as `mix` says:
        1 + E shares, the slope of what the other rows add, and an offset that includes the guess.

        `columns` and `values` are the encoded features, `matrix` the table's weights, `coarse` the
        panel's, shape (columns, 2E): E weights, then E precisions. `fine`, shape (details, 2F), holds
        the same of the first F experts, who see `value` in each of the columns `details` as well.
        """


class Learn(Protocol):
    """A lesson: one step of river's row and the offer's others, of every expert, and of the trust in them."""

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
        mix: Numbers,
        opinions: Numbers,
        kind: int,
        target: float,
        guess: float,
        squares: Numbers,
        rules: Numbers,
        counts: Numbers,
        trust: Numbers,
        start: Numbers,
        stacks: Numbers,
        spreads: Numbers,
        /,
    ) -> None:
        """Changes all but the first three, `details`, `opinions`, `rules` and `start`.

        The first ten are those of `Hear`, `opinions` what it wrote; `kind` is `LABEL`, `CORRECTION` or
        `TAKEN_BACK`, `target` its number, and `guess` what was left out of the opinions.

        The table takes a step of AdaGrad (Duchi, Hazan & Singer, JMLR 2011) at all `rows`, whose sums
        of squared gradients are `squares`, as river's `optim.AdaGrad` does.

        Every expert takes one of its diagonal Laplace approximation. With s a weight's precision,
        h = curvature · value², and (prior, gain, fading) its row of `rules`, shape (E, 3): s grows by
        gain · h − fading · h · (s − prior), then the weight falls by gradient · value / s. Curvature
        is p(1 − p) of the expert's own p, at least `rates.SURELY`, and 0 for whatever is no label.

        `counts` are positives and labels so far, `trust` and `start`, shape (C,), what each opinion is
        and was first trusted, `stacks`, (S, 1 + E + 1), and `spreads` their covariances; see `Mixture`.
        """


class ExpertLoops(NamedTuple):
    """The two, one way or the other."""

    hear: Hear
    learn: Learn


@cache
def expert_loops() -> ExpertLoops:
    """The loops of this machine."""
    from engine.experts.arrays import ARRAYS

    return ARRAYS if compiled is None else ExpertLoops(compiled.hear, compiled.learn)
