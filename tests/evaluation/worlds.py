"""Logs with a known truth: customers drawn from a world whose rewards are written down."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.evaluation.log import Indexes, Log, Matrix, Vector


def log_of(
    actions: list[int],
    rewards: list[float],
    probabilities: list[float],
    *,
    names: tuple[str, ...] = ("a", "b"),
    units: list[int] | None = None,
    **rest: Any,
) -> Log:
    """A log without context, every choice by somebody else unless said otherwise."""
    return Log(
        names,
        np.array(actions, np.intp),
        np.array(rewards),
        np.array(probabilities),
        np.empty((len(actions), 0)),
        np.arange(len(actions)) if units is None else np.array(units, np.intp),
        **rest,
    )


def softmax(scores: Matrix) -> Matrix:
    """Each row as probabilities."""
    raised: Matrix = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Softmax:
    """A policy that chooses by a linear score of the context."""

    scores: Matrix

    def of_chosen(self, log: Log) -> Vector:
        return self.of_all(log, slice(0, len(log)))[np.arange(len(log)), log.actions]

    def of_all(self, log: Log, rows: slice) -> Matrix:
        return softmax(log.context[rows] @ self.scores.T)


@dataclass(frozen=True)
class World:
    """Customers with normal context who say yes by a logistic law of their own for each action.

    `boldness` is how far the policy that writes the log is from choosing at random.
    """

    actions: int = 5
    features: int = 3
    boldness: float = 0.3

    @cached_property
    def _laws(self) -> tuple[Matrix, Vector, Matrix, Matrix]:
        chance = np.random.default_rng(20_26)
        shape = self.actions, self.features
        yes, constant = 0.6 * chance.normal(size=shape), 0.4 * chance.normal(size=self.actions) - 1
        return (
            yes,
            constant,
            self.boldness * chance.normal(size=shape),
            0.5 * chance.normal(size=shape),
        )

    def rates(self, context: Matrix) -> Matrix:
        """How likely each customer says yes to each action, (N, A)."""
        yes, constant, _, _ = self._laws
        rates: Matrix = 1.0 / (1.0 + np.exp(-(context @ yes.T + constant)))
        return rates

    @property
    def policy(self) -> Softmax:
        """The one to be evaluated."""
        return Softmax(self._laws[3])

    @cached_property
    def truth(self) -> float:
        """What `policy` earns, to within 0.0002."""
        context = np.random.default_rng(1).normal(size=(400_000, self.features))
        shares = softmax(context @ self.policy.scores.T)
        return float((shares * self.rates(context)).sum(axis=1).mean())

    def log(self, seed: int, rows: int) -> Log:
        """What the bold policy did for `rows` customers."""
        chance = np.random.default_rng(seed)
        context = chance.normal(size=(rows, self.features))
        shares = softmax(context @ self._laws[2].T)
        actions: Indexes = (shares.cumsum(axis=1) > chance.random((rows, 1))).argmax(axis=1)
        every = np.arange(rows)
        yes = chance.random(rows) < self.rates(context)[every, actions]
        names = tuple(f"action {at}" for at in range(self.actions))
        return Log(names, actions, yes.astype(np.float64), shares[every, actions], context, every)
