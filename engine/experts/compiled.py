"""Compiled: the experts' loops, one column after the other, as machine code by numba."""

import math
from typing import Final

import numpy as np

from engine.experts.loops import CORRECTION, LABEL, TAKEN_BACK, ExpertLoops, Indexes, Numbers
from engine.experts.rates import (
    AGILITY,
    BOUND,
    IMAGINED,
    LOYALTY,
    RAREST,
    RESTLESS,
    SURELY,
    UNREST,
)
from engine.kernels.compiled import inlined, machine_code, sigmoid
from engine.learning.table import LEARNING_RATE, SMOOTHING


@inlined
def _river_sigmoid(logit: float) -> float:
    """As `river.utils.math.sigmoid`, which is cut off at 30."""
    if logit < -30.0:
        return 0.0
    if logit > 30.0:
        return 1.0
    return 1.0 / (1.0 + math.exp(-logit))


@inlined
def _rate(counts: Numbers) -> float:
    """The logit of the rate so far."""
    rate = max(RAREST, min(1.0 - RAREST, counts[0] / counts[1]))
    return math.log(rate / (1.0 - rate))


@machine_code(
    "void(i8[::1],f8[::1],i8[::1],f8[:,::1],i8[::1],f8,f8[:,::1],f8[:,::1],f8[::1],f8[::1])"
)
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
    opinions[:] = 0.0
    for c in range(len(columns)):
        column, number = columns[c], values[c]
        opinions[0] += number * matrix[column, rows[0]]
        for e in range(experts):
            opinions[1 + e] += number * coarse[column, e]
        for r in range(1, len(rows)):
            opinions[1 + experts] += number * matrix[column, rows[r]]
    for detail in details:
        for e in range(keen):
            opinions[1 + e] += value * fine[detail, e]
    together = 0.0
    for e in range(1 + experts):
        together += mix[e] * opinions[e]
    opinions[2 + experts] = mix[2 + experts] + mix[1 + experts] * opinions[1 + experts] + together


@inlined
def _step_rows(
    columns: Indexes,
    values: Numbers,
    rows: Indexes,
    gradient: float,
    matrix: Numbers,
    squares: Numbers,
) -> None:
    """One step of AdaGrad."""
    for c in range(len(columns)):
        column, slope = columns[c], gradient * values[c]
        for row in rows:
            square = squares[column, row] + slope * slope
            squares[column, row] = square
            matrix[column, row] -= LEARNING_RATE / math.sqrt(square + SMOOTHING) * slope


@inlined
def _step_expert(
    e: int,
    lines: Numbers,
    line: int,
    value: float,
    rules: Numbers,
    gradient: float,
    curvature: float,
) -> None:
    """One step of an expert's weight."""
    own = lines.shape[1] // 2 + e
    bend = curvature * (value * value)
    precision = lines[line, own]
    precision += rules[e, 1] * bend - rules[e, 2] * bend * (precision - rules[e, 0])
    lines[line, own] = precision
    lines[line, e] -= gradient * value / precision


@inlined
def _opinions(logits: Numbers, stacks: Numbers, inputs: Numbers, opinions: Numbers) -> None:
    """Writes the experts' opinions, the rate's, the mean's and the stacks'."""
    width = len(logits)
    opinions[:width] = logits
    opinions[width:] = 0.0
    for e in range(width - 1):
        opinions[width] += logits[e] / (width - 1)
    for k in range(len(stacks)):
        for i in range(width):
            opinions[width + 1 + k] += stacks[k, i] * inputs[i]


@inlined
def _trust(
    opinions: Numbers, label: float, is_correction: bool, trust: Numbers, start: Numbers
) -> None:
    total = 0.0
    for o in range(len(trust)):
        loss = -label * opinions[o]
        if not is_correction:
            loss += max(opinions[o], 0.0) + math.log(1.0 + math.exp(-abs(opinions[o])))
        trust[o] *= math.exp(-AGILITY * max(-BOUND, min(BOUND, loss)))
        total += trust[o]
    for o in range(len(trust)):
        trust[o] = LOYALTY * trust[o] / total + (1.0 - LOYALTY) * start[o]


@inlined
def _lean(
    inputs: Numbers, gradient: float, bend: float, unrest: float, stack: Numbers, spread: Numbers
) -> None:
    """One step of a stack, whose opinion had this gradient and this curvature."""
    width = len(inputs)
    pull, length = np.zeros(width), 0.0
    for j in range(width):
        for i in range(width):
            pull[i] += spread[j, i] * inputs[j]
    for i in range(width):
        length += pull[i] * inputs[i]
    damping = 1.0 + bend * length
    for i in range(width):
        for j in range(width):
            spread[i, j] -= bend / damping * (pull[i] * pull[j])
        spread[i, i] += unrest
        stack[i] -= gradient / damping * pull[i]
    spread[width - 1, width - 1] += (RESTLESS - 1.0) * unrest


@inlined
def _settle(
    logits: Numbers,
    label: float,
    is_correction: bool,
    trust: Numbers,
    start: Numbers,
    stacks: Numbers,
    spreads: Numbers,
) -> None:
    """What a label, or a correction, says about whom to believe; the last logit is the rate's."""
    inputs, opinions = logits.copy(), np.empty(len(trust))
    inputs[-1] = 1.0
    _opinions(logits, stacks, inputs, opinions)
    _trust(opinions, label, is_correction, trust, start)
    for k in range(len(stacks)):
        gradient, bend = -label, 0.0
        if not is_correction:
            expected = sigmoid(opinions[len(logits) + 1 + k])
            gradient, bend = expected - label, expected * (1.0 - expected)
        _lean(inputs, gradient, bend, UNREST[k], stacks[k], spreads[k])


@inlined
def _blend(guess: float, rate: float, trust: Numbers, stacks: Numbers, mix: Numbers) -> None:
    """What the opinions' trust makes of each expert's logit: they are all linear in it."""
    members = len(mix) - 2
    by_mean, stacked, offset = trust[members + 1] / members, 0.0, 0.0
    for e in range(members):
        share = trust[e] + by_mean
        for k in range(len(stacks)):
            share += trust[members + 2 + k] * stacks[k, e]
        mix[e] = share
        stacked += share
    mix[members] = stacked + trust[members]
    offset = guess * stacked + rate * trust[members]
    for k in range(len(stacks)):
        offset += trust[members + 2 + k] * stacks[k, members]
    mix[members + 1] = offset


@machine_code(
    "void(i8[::1],f8[::1],i8[::1],f8[:,::1],i8[::1],f8,f8[:,::1],f8[:,::1],f8[::1],f8[::1],"
    "i8,f8,f8,f8[:,::1],f8[:,::1],f8[::1],f8[::1],f8[::1],f8[:,::1],f8[:,:,::1])"
)
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
    experts, keen = coarse.shape[1] // 2, fine.shape[1] // 2
    common = opinions[1 + experts]
    slope, missed = -target, target
    if kind == LABEL:
        slope = _river_sigmoid(guess + (opinions[0] + common)) - target
    elif kind == TAKEN_BACK:
        slope = -(_river_sigmoid(guess + (opinions[0] + common)) - target)
        missed = sigmoid(opinions[2 + experts]) - target
    _step_rows(columns, values, rows, slope, matrix, squares)

    logits = np.empty(2 + experts)
    logits[0] = guess + common + opinions[0]
    gradients, curvatures = np.empty(experts), np.zeros(experts)
    for e in range(experts):
        logits[1 + e] = guess + common + opinions[1 + e]
        gradients[e] = -target
        if kind != CORRECTION:
            expected = sigmoid(logits[1 + e])
            gradients[e] = expected - target
            if kind == LABEL:
                curvatures[e] = max(expected * (1.0 - expected), SURELY)
            else:
                gradients[e] = target - expected
    for c in range(len(columns)):
        for e in range(experts):
            _step_expert(e, coarse, columns[c], values[c], rules, gradients[e], curvatures[e])
    for detail in details:
        for e in range(keen):
            _step_expert(e, fine, detail, value, rules, gradients[e], curvatures[e])

    logits[1 + experts] = _rate(counts) + common
    _settle(logits, missed, kind != LABEL, trust, start, stacks, spreads)
    counts[0] += -target if kind == TAKEN_BACK else target
    if kind != CORRECTION:
        counts[1] = max(IMAGINED, counts[1] + (1.0 if kind == LABEL else -1.0))
    _blend(guess, _rate(counts), trust, stacks, mix)


COMPILED: Final = ExpertLoops(_hear, _learn)
"""Importing this module raises ImportError where numba is not installed."""
