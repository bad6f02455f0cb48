"""The log: choices somebody's policy made, each with the probability it had, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidInput, Violation

Vector: TypeAlias = npt.NDArray[np.float64]
Matrix: TypeAlias = npt.NDArray[np.float64]
Indexes: TypeAlias = npt.NDArray[np.intp]

_CELLS: Final = 1 << 21


@dataclass(frozen=True, slots=True)
class Log:
    """N choices among A actions.

    Attributes:
        names: the actions, (A,).
        actions: which action was chosen, (N,), indexes of `names`.
        rewards: what came of it, (N,), finite.
        probabilities: with which the policy that wrote the log chose it, (N,), in (0, 1].
        context: what was known at the choice, (N, D), on a scale of about 1; D may be 0.
        units: whose choice it was, (N,), 0 to U − 1: choices of different units are independent.
        candidates: what could be chosen, (N, A); None if always everything.

    Raises:
        InvalidInput: shapes that disagree, or numbers out of their range.
    """

    names: tuple[str, ...]
    actions: Indexes
    rewards: Vector
    probabilities: Vector
    context: Matrix
    units: Indexes
    candidates: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        rows = len(self.actions)
        wrong = [
            Violation(name, f"must have one row for each of the {rows} choices")
            for name in ("rewards", "probabilities", "context", "units")
            if len(getattr(self, name)) != rows
        ]
        if not rows:
            wrong.append(Violation("log", "there is no choice in it"))
        if not np.isfinite(self.rewards).all():
            wrong.append(Violation("rewards", "must be finite"))
        if not ((self.probabilities > 0.0) & (self.probabilities <= 1.0)).all():
            wrong.append(Violation("probabilities", "must be above 0 and at most 1"))
        if self.candidates is not None and self.candidates.shape != (rows, len(self.names)):
            wrong.append(Violation("candidates", "must say of each choice which actions it had"))
        if wrong:
            raise InvalidInput(wrong)

    def __len__(self) -> int:
        return len(self.actions)

    def blocks(self) -> Iterator[slice]:
        """The rows in blocks, so that a matrix over all actions stays within some megabytes."""
        size = max(1, _CELLS // max(1, len(self.names)))
        return (slice(at, min(at + size, len(self))) for at in range(0, len(self), size))
