"""Scored: what the model said of a customer when they last did something, for when there is no time to ask."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from engine.errors import DamagedData
from engine.model import ActionId, Micros

MOST: Final = 20
"""Actions told of a customer: those they are most likely to take up."""


class Scored(NamedTuple):
    """The likeliest actions with their propensities in (0, 1), the likeliest first.

    `channel` is where it was asked for, `model_version` names the weights that said so, at `at`.
    """

    channel: str
    at: Micros
    model_version: str
    best: tuple[tuple[ActionId, float], ...]

    @classmethod
    def of(
        cls,
        channel: str,
        at: Micros,
        model_version: str,
        actions: Sequence[ActionId],
        propensities: npt.NDArray[np.float64],
    ) -> "Scored":
        """The likeliest of `actions`, parallel to `propensities` of shape (K,); NaN stands for none.

        >>> said = Scored.of("web", 0, "m", [ActionId("a"), ActionId("b")], np.array([0.1, 0.3]))
        >>> said.best
        (('b', 0.3), ('a', 0.1))
        """
        order = np.argsort(-propensities, kind="stable")[:MOST]
        best = [(actions[n], float(propensities[n])) for n in order]
        return cls(channel, at, model_version, tuple(one for one in best if one[1] == one[1]))

    def over(self, actions: Sequence[ActionId]) -> npt.NDArray[np.float64] | None:
        """The propensities of `actions`, shape (K,); those not told of count as the least told of.

        None if nothing is told.

        >>> Scored("web", 0, "m", ((ActionId("b"), 0.3), (ActionId("a"), 0.1))).over(["a", "c", "b"])
        array([0.1, 0.1, 0.3])
        """
        if not self.best:
            return None
        told, least = dict(self.best), self.best[-1][1]
        return np.array([told.get(action, least) for action in actions])

    def encode(self) -> bytes:
        """What `decode` reads."""
        return orjson.dumps([self.channel, self.at, self.model_version, self.best])

    @classmethod
    def decode(cls, written: bytes) -> "Scored":
        """What `encode` wrote.

        Raises:
            DamagedData: these bytes are none.
        """
        try:
            channel, at, version, best = orjson.loads(written)
            return cls(channel, at, version, tuple((ActionId(a), float(p)) for a, p in best))
        except (ValueError, TypeError) as error:
            raise DamagedData(f"this says nothing of a customer's propensities: {error}") from error
