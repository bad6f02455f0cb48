"""Learn: whom to believe. Experts' logits become one, each trusted as far as it has been right."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from engine.experts.blending import blend
from engine.experts.loops import Numbers
from engine.experts.rates import IMAGINED, UNREST
from engine.learning.odds import sigmoid

_HUMILITY: Final = 0.2
"""The trust the rate begins with: where successes are rare it takes long to know better."""

_SPREAD: Final = 0.05
_LOOSER: Final = 0.01


class Mixture:
    """Experts, averaged by trust, all in logits.

    Opinions are: each expert's; the rate so far, by which nobody is told apart; the experts' plain
    mean; and two stacks. A stack is an online logistic regression on the experts' logits with a full
    covariance (a Kalman filter; Spiegelhalter & Lauritzen 1990): it weighs experts against each other
    and corrects slope and offset, so it calibrates as well. One of the two hardly forgets, the other
    follows change. An opinion's trust falls by e^(−η·loss) in each lesson and never to nothing
    (Herbster & Warmuth, "Tracking the best expert", 1998): what suits the stream wins, and may change.

    All opinions are linear in the experts' logits, so the mixture is. A logit is `guess` + what the
    expert makes of everybody (its own) + what groups and actions add (common to all experts).

    Each lesson changes the arrays in place; see `engine.experts.loops.Learn`.

    Attributes:
        mix: what each expert's own logit counts for, then what the common logit does, then what is
            added for everybody, shape (experts + 2,).
        counts: positives and labels so far.
        trust, start: of each opinion, as it is and as it was first.
        stacks, spreads: what the stacks weigh the experts' logits by, and its covariances.
    """

    __slots__ = ("_guess", "counts", "mix", "spreads", "stacks", "start", "trust")

    def __init__(self, experts: int, guess: float) -> None:
        """Mixes so many experts; `guess` is the logit to be expected while nothing is known."""
        opinions = experts + 2 + len(UNREST)
        self._guess = guess
        self.start: Numbers = np.full(opinions, (1.0 - _HUMILITY) / (opinions - 1))
        self.start[experts] = _HUMILITY
        self.trust: Numbers = self.start.copy()
        self.stacks: Numbers = np.zeros((len(UNREST), experts + 1))
        self.stacks[:, :experts] = 1.0 / experts
        self.spreads: Numbers = np.array([_SPREAD * np.eye(experts + 1)] * len(UNREST))
        self.counts: Numbers = np.array([IMAGINED * sigmoid(guess), IMAGINED])
        self.mix: Numbers = np.empty(experts + 2)
        self._blend()

    @property
    def shares(self) -> list[float]:
        """What each expert's own logit counts for."""
        shares: list[float] = self.mix[:-2].tolist()
        return shares

    @property
    def slope(self) -> float:
        """What the common logit counts for."""
        return float(self.mix.item(-2))

    @property
    def offset(self) -> float:
        """What is added for everybody."""
        return float(self.mix.item(-1))

    def loosen(self) -> None:
        """Makes the stacks less sure, so that they move faster for a while."""
        self.spreads += _LOOSER * np.eye(self.spreads.shape[1])

    def trusted(self, names: Sequence[str]) -> dict[str, float]:
        """How much each opinion is trusted, from 0 to 1, the most trusted first; experts by `names`."""
        opinions = (*names, "the rate", "the experts' mean", "the steady stack", "the lively stack")
        found = zip(opinions, self.trust.tolist(), strict=True)
        return dict(sorted(found, key=lambda opinion: -opinion[1]))

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON, for `restore`."""
        positives, seen = self.counts.tolist()
        return {
            "trust": self.trust.tolist(),
            "stacks": self.stacks.tolist(),
            "spreads": self.spreads.tolist(),
            "positives": positives,
            "seen": seen,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the mixture that wrote `state` stood."""
        self.trust[:] = state["trust"]
        self.stacks[:] = state["stacks"]
        self.spreads[:] = state["spreads"]
        self.counts[:] = state["positives"], state["seen"]
        self._blend()

    def _blend(self) -> None:
        blend(self._guess, self.counts, self.trust, self.stacks, self.mix)
