"""Arrays: the experts' loops as steps over whole arrays, where nothing was compiled."""

import math
from typing import Any, Final

import numpy as np

from engine.experts.blending import blend, rate_of
from engine.experts.loops import CORRECTION, LABEL, TAKEN_BACK, ExpertLoops, Indexes, Numbers
from engine.experts.rates import (
    AGILITY,
    BOUND,
    IMAGINED,
    LOYALTY,
    RESTLESS,
    SURELY,
    UNREST,
)
from engine.learning.odds import sigmoid


def _hear(
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
) -> None:
    experts, keen = coarse.shape[1] // 2, fine.shape[1] // 2
    across = values[:, None]
    opinions[:] = 0.0
    opinions[0] = _sum(values * matrix[columns, rows[0]])
    opinions[1 : 1 + experts] = _sum(across * coarse[columns, :experts])
    if len(rows) > 1:
        opinions[1 + experts] = _sum((across * matrix[columns[:, None], rows[1:]]).ravel())
    if len(details):
        terms = np.concatenate((opinions[None, 1 : 1 + keen], value * fine[details, :keen]))
        opinions[1 : 1 + keen] = _sum(terms)
    *shares, slope, offset = mix.tolist()
    *own, common, _ = opinions.tolist()
    together = 0.0
    for share, logit in zip(shares, own, strict=True):
        together += share * logit
    opinions[2 + experts] = offset + slope * common + together


def _sum(terms: Numbers) -> Any:
    """Term after term, beginning with 0; `np.sum` would pair them up."""
    return np.add.accumulate(terms, axis=0)[-1] + 0.0 if len(terms) else 0.0


def _learn(
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
) -> None:
    from engine.learning.weights import Correction, step

    *own, common, together = opinions.tolist()
    told = Correction(target) if kind == CORRECTION else target
    times = -1.0 if kind == TAKEN_BACK else 1.0
    step(columns, values, rows, matrix, squares, guess + (own[0] + common), told, times)

    logits = [guess + common + logit for logit in own]
    expected = np.array([sigmoid(logit) for logit in logits[1:]])
    gradients, curvatures = np.full(len(rules), -target), np.zeros(len(rules))
    if kind == LABEL:
        gradients = expected - target
        curvatures = np.maximum(expected * (1.0 - expected), SURELY)
    elif kind == TAKEN_BACK:
        gradients = target - expected
    _step(columns, values[:, None], rules, gradients, curvatures, coarse)
    if len(details):
        keen = fine.shape[1] // 2
        _step(details, np.array([[value]]), rules[:keen], gradients[:keen], curvatures[:keen], fine)

    missed = sigmoid(together) - target if kind == TAKEN_BACK else target
    inputs = np.array([*logits, rate_of(counts) + common])
    _settle(inputs, missed, kind != LABEL, trust, start, stacks, spreads)
    _count(kind, target, counts)
    blend(guess, counts, trust, stacks, mix)


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


def _count(kind: int, target: float, counts: Numbers) -> None:
    positives, seen = counts.tolist()
    counts[0] = positives + (-target if kind == TAKEN_BACK else target)
    if kind != CORRECTION:
        counts[1] = max(IMAGINED, seen + (1.0 if kind == LABEL else -1.0))


ARRAYS: Final = ExpertLoops(_hear, _learn)
