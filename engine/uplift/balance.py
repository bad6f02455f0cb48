"""Uplift's premise: chance alone chose who was treated, so nothing known beforehand tells the arms apart."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.uplift.design import Design

_SURE: Final = 5.0
_BLOCK: Final = 4096


def unbalanced(
    design: Design, rows: Sequence[Sequence[Any]], treated: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    """The features whose columns' means differ between the arms by more than 5 standard errors.

    Chance alone does that to one column in 1.7 million. Such a feature was known only after the
    treatment, or the treatment was not given by chance.
    """
    single = [group for group in design.groups if not group.is_pair]
    width = max((group.first + group.width for group in single), default=0)
    sums, squares, counts = np.zeros((2, width)), np.zeros((2, width)), np.zeros(2)
    for at in range(0, len(rows), _BLOCK):
        x = design.encode_singly(rows[at : at + _BLOCK])
        for arm in (0, 1):
            chosen = x[treated[at : at + _BLOCK] == bool(arm)]
            sums[arm] += chosen.sum(axis=0)
            squares[arm] += (chosen**2).sum(axis=0)
            counts[arm] += len(chosen)
    means = sums / counts[:, None]
    errors = np.sqrt(((squares / counts[:, None] - means**2) / counts[:, None]).sum(axis=0))
    far = np.abs(means[1] - means[0]) > _SURE * errors
    return tuple(group.names[0] for group in single if far[group.columns].any())
