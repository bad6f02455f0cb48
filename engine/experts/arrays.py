"""Arrays: the experts' loops as steps over whole arrays, for a machine without numba."""

import math
from typing import Any, Final

import numpy as np

from engine.experts.loops import ExpertLoops, Indexes, Numbers
from engine.experts.rates import AGILITY, BOUND, LOYALTY, RESTLESS, UNREST
from engine.learning.odds import sigmoid


def _opine(
    columns: Indexes,
    values: Numbers,
    rows: Indexes,
    matrix: Numbers,
    details: Indexes,
    value: float,
    coarse: Numbers,
    fine: Numbers,
    logits: Numbers,
) -> None:
    experts, keen = coarse.shape[1] // 2, fine.shape[1] // 2
    across = values[:, None]
    logits[:] = 0.0
    logits[0] = _sum(values * matrix[columns, rows[0]])
    logits[1:-1] = _sum(across * coarse[columns, :experts])
    if len(rows) > 1:
        logits[-1] = _sum((across * matrix[columns[:, None], rows[1:]]).ravel())
    if len(details):
        terms = np.concatenate((logits[None, 1 : 1 + keen], value * fine[details, :keen]))
        logits[1 : 1 + keen] = _sum(terms)


def _sum(terms: Numbers) -> Any:
    """Term after term, beginning with 0; `np.sum` would pair them up."""
    return np.add.accumulate(terms, axis=0)[-1] + 0.0


def _teach(
    columns: Indexes,
    values: Numbers,
    details: Indexes,
    value: float,
    rules: Numbers,
    gradients: Numbers,
    curvatures: Numbers,
    coarse: Numbers,
    fine: Numbers,
) -> None:
    _step(columns, values[:, None], rules, gradients, curvatures, coarse)
    if len(details):
        keen = fine.shape[1] // 2
        _step(details, np.array([[value]]), rules[:keen], gradients[:keen], curvatures[:keen], fine)


def _step(
    columns: Indexes,
    values: Numbers,
    rules: Numbers,
    gradients: Numbers,
    curvatures: Numbers,
    table: Numbers,
) -> None:
    count = len(rules)
    prior, gain, fading = rules.T
    bends = curvatures * (values * values)
    precisions = table[columns, count:]
    precisions += gain * bends - fading * bends * (precisions - prior)
    table[columns, count:] = precisions
    table[columns, :count] -= gradients * values / precisions


def _settle(
    logits: Numbers,
    label: float,
    is_correction: bool,
    trust: Numbers,
    start: Numbers,
    stacks: Numbers,
    spreads: Numbers,
) -> None:
    count = len(logits) - 1
    inputs = logits.copy()
    inputs[count] = 1.0
    mean = _sum(logits[:count] / count)
    stacked = _sum((stacks * inputs).T)
    opinions = [*logits.tolist(), float(mean), *stacked.tolist()]
    for at, opinion in enumerate(opinions):
        loss = -label * opinion
        if not is_correction:
            loss += max(opinion, 0.0) + math.log(1.0 + math.exp(-abs(opinion)))
        trust[at] *= math.exp(-AGILITY * max(-BOUND, min(BOUND, loss)))
    trust[:] = LOYALTY * trust / _sum(trust) + (1.0 - LOYALTY) * start
    for k, opinion in enumerate(stacked.tolist()):
        gradient, bend = -label, 0.0
        if not is_correction:
            expected = sigmoid(opinion)
            gradient, bend = expected - label, expected * (1.0 - expected)
        pull = _sum(spreads[k] * inputs[:, None])
        damping = 1.0 + bend * float(_sum(pull * inputs))
        spreads[k] -= bend / damping * (pull[:, None] * pull)
        spreads[k].flat[:: len(inputs) + 1] += UNREST[k]
        spreads[k][-1, -1] += (RESTLESS - 1.0) * UNREST[k]
        stacks[k] -= gradient / damping * pull


ARRAYS: Final = ExpertLoops(_opine, _teach, _settle)
