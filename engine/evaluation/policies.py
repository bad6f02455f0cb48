"""Policies: with which probability each action would be chosen, for the choices of a log."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.errors import InvalidInput, Violation
from engine.evaluation.log import Indexes, Log, Matrix, Vector


class Policy(Protocol):
    """What is evaluated."""

    def of_chosen(self, log: Log) -> Vector:
        """The probability of the action that was chosen, (N,)."""

    def of_all(self, log: Log, rows: slice) -> Matrix:
        """The probability of every action at the choices in `rows`, (n, A).

        Rows sum to 1, or to less where it may choose nothing, which earns 0.
        """


@dataclass(frozen=True, slots=True)
class Uniform:
    """Whatever could be chosen, each with the same probability."""

    def of_chosen(self, log: Log) -> Vector:
        """The probability of the action that was chosen, (N,)."""
        if log.candidates is None:
            return np.full(len(log), 1.0 / len(log.names))
        shares: Vector = 1.0 / log.candidates.sum(axis=1)
        return shares

    def of_all(self, log: Log, rows: slice) -> Matrix:
        """The probability of every action at the choices in `rows`, (n, A)."""
        if log.candidates is None:
            return np.full((rows.stop - rows.start, len(log.names)), 1.0 / len(log.names))
        open_to = log.candidates[rows]
        shares: Matrix = open_to / open_to.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True, slots=True)
class Logged:
    """The policy that wrote the log; of its probabilities only those of what it chose are known."""

    def of_chosen(self, log: Log) -> Vector:
        """The probability of the action that was chosen, (N,)."""
        return log.probabilities

    def of_all(self, log: Log, rows: slice) -> Matrix:
        """1 for the action that was chosen: a draw from the policy stands for the policy."""
        shares = np.zeros((rows.stop - rows.start, len(log.names)))
        shares[np.arange(len(shares)), log.actions[rows]] = 1.0
        return shares


@dataclass(frozen=True, slots=True)
class Tabled:
    """Probabilities written down: `table`, (G, A), by the group of each choice, `groups`, (N,).

    Where only some actions could be chosen, those share the probability of the others in proportion.
    """

    table: Matrix
    groups: Indexes

    def of_chosen(self, log: Log) -> Vector:
        """The probability of the action that was chosen, (N,)."""
        shares = [
            self.of_all(log, rows)[np.arange(rows.stop - rows.start), log.actions[rows]]
            for rows in log.blocks()
        ]
        return np.concatenate(shares)

    def of_all(self, log: Log, rows: slice) -> Matrix:
        """The probability of every action at the choices in `rows`, (n, A).

        Raises:
            InvalidInput: it chooses nothing of what could be chosen.
        """
        shares: Matrix = self.table[self.groups[rows]]
        if log.candidates is None:
            return shares
        shares = shares * log.candidates[rows]
        totals = shares.sum(axis=1, keepdims=True)
        if not (totals > 0.0).all():
            problem = (
                f"chooses nothing of what choice {rows.start + int(np.argmin(totals)) + 1:,} had"
            )
            raise InvalidInput([Violation("policy", problem)])
        divided: Matrix = shares / totals
        return divided
