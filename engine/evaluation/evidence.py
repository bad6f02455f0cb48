"""Evidence: all that the estimators need to know of each choice, once log and policy are put together."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.evaluation.log import Indexes, Log, Vector
from engine.evaluation.policies import Policy
from engine.evaluation.reward_model import RewardModel


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line for each of N choices; all arrays (N,).

    Attributes:
        rewards: what the choice earned: r.
        weights: how much likelier the policy makes it than the log did: w = π(a|x)/p, from 0.
        predicted: what the reward model expected of it: q(x, a).
        expected: what the reward model expects of the policy there: Σ_a π(a|x)·q(x, a).
        implied: how much its reward moves the direct method, on the scale of `weights`.
        mass: how likely the policy chooses anything at all, in [0, 1]; choosing nothing earns 0.
        units: whose choice it was, 0 to U − 1.
    """

    rewards: Vector
    weights: Vector
    predicted: Vector
    expected: Vector
    implied: Vector
    mass: Vector
    units: Indexes

    @classmethod
    def of(cls, log: Log, policy: Policy, model: RewardModel) -> Self:
        """What a log says of a policy, given a reward model learned from that log."""
        foreseen = model.of_policy(log, policy)
        weights = policy.of_chosen(log) / log.probabilities
        return cls(log.rewards, weights, model.of_chosen(log), *foreseen, log.units)

    @property
    def residuals(self) -> Vector:
        """By how much each reward differs from what was expected of it."""
        difference: Vector = self.rewards - self.predicted
        return difference


def effective(weights: Vector) -> float:
    """How many rows of equal weight would say as much: (Σw)²/Σw² (Kish, Survey Sampling, 1965).

    >>> effective(np.array([1.0, 1.0, 1.0, 0.0]))
    3.0
    """
    squares = float(weights @ weights)
    return float(np.abs(weights).sum()) ** 2 / squares if squares else 0.0
