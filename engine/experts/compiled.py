"""Compiled: the experts' loops, one column after the other, as machine code by numba."""

import math
from typing import Final

import numpy as np

from engine.experts.loops import ExpertLoops, Indexes, Numbers
from engine.experts.rates import AGILITY, BOUND, LOYALTY, RESTLESS, UNREST
from engine.kernels.compiled import inlined, machine_code, sigmoid


@machine_code("void(i8[::1],f8[::1],i8[::1],f8[:,::1],i8[::1],f8,f8[:,::1],f8[:,::1],f8[::1])")
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
    logits[:] = 0.0
    for c in range(len(columns)):
        column, number = columns[c], values[c]
        logits[0] += number * matrix[column, rows[0]]
        for e in range(experts):
            logits[1 + e] += number * coarse[column, e]
        for r in range(1, len(rows)):
            logits[1 + experts] += number * matrix[column, rows[r]]
    for detail in details:
        for e in range(keen):
            logits[1 + e] += value * fine[detail, e]


@machine_code("void(i8[::1],f8[::1],i8[::1],f8,f8[:,::1],f8[::1],f8[::1],f8[:,::1],f8[:,::1])")
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
    experts, keen = coarse.shape[1] // 2, fine.shape[1] // 2
    for c in range(len(columns)):
        column, number = columns[c], values[c]
        for e in range(experts):
            bend = curvatures[e] * (number * number)
            precision = coarse[column, experts + e]
            precision += rules[e, 1] * bend - rules[e, 2] * bend * (precision - rules[e, 0])
            coarse[column, experts + e] = precision
            coarse[column, e] -= gradients[e] * number / precision
    for detail in details:
        for e in range(keen):
            bend = curvatures[e] * (value * value)
            precision = fine[detail, keen + e]
            precision += rules[e, 1] * bend - rules[e, 2] * bend * (precision - rules[e, 0])
            fine[detail, keen + e] = precision
            fine[detail, e] -= gradients[e] * value / precision


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


@machine_code("void(f8[::1],f8,b1,f8[::1],f8[::1],f8[:,::1],f8[:,:,::1])")
def _settle(
    logits: Numbers,
    label: float,
    is_correction: bool,
    trust: Numbers,
    start: Numbers,
    stacks: Numbers,
    spreads: Numbers,
) -> None:
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


COMPILED: Final = ExpertLoops(_opine, _teach, _settle)
"""Importing this module raises ImportError where numba is not installed."""
