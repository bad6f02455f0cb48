"""Explain: the summands of a logit, for whoever wants to know what made a propensity."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine.experts.council import Council, Seen
from engine.experts.loops import Indexes, Numbers
from engine.learning.table import EVERYBODY, Row, WeightTable


class Terms(NamedTuple):
    """The summands of a logit: all of them together with `offset` are the logit.

    Attributes:
        offset: what is added for everybody.
        columns: columns of the weight table.
        logits: what each of them adds, for each row asked for, shape (columns, rows).
        details: what each detail adds for everybody, with its feature's place in the schema.
    """

    offset: float
    columns: Indexes
    logits: Numbers
    details: list[tuple[int, float]]


def terms(
    council: Council,
    table: WeightTable,
    seen: Seen,
    owners: Mapping[int, int],
    rows: Sequence[Row],
) -> Terms:
    """Every summand, for these rows of the table; `owners` says which feature a detail belongs to."""
    columns, values, details, value = seen
    by_river, *shares = council.mixture.shares
    coarse, fine = council.panel.weights(columns, details)
    places = np.array([table.rows[row] for row in rows], dtype=np.intp)
    weights = table.matrix[np.ix_(columns, places)]
    for at, row in enumerate(rows):
        if row == EVERYBODY:
            weights[:, at] = by_river * weights[:, at] + coarse @ shares
        else:
            weights[:, at] *= council.mixture.slope
    told = (fine @ shares[: fine.shape[1]] * value).tolist()
    return Terms(
        council.mixture.offset,
        columns,
        values[:, np.newaxis] * weights,
        [(owners[at], logit) for at, logit in zip(details.tolist(), told, strict=True)],
    )
