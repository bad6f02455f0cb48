"""Compiled: the loops over numbers as machine code by numba."""

import math
from typing import Final

from engine.kernels.compiled import inlined, machine_code
from engine.learning.scaling.loops import (
    BIAS_VALUE,
    CLIP,
    COUNT,
    INVERSE,
    LARGEST,
    LOG_INVERSE,
    LOG_MEAN,
    LOG_VARIANCE,
    MEAN,
    OUTLIER,
    SETTLED,
    VARIANCE,
    Indexes,
    Numbers,
    ScalingLoops,
)


@inlined
def _clipped(z: float) -> float:
    return z if -CLIP < z < CLIP else math.copysign(CLIP, z)


@inlined
def _signed_log(number: float) -> float:
    return math.log1p(number) if number >= 0.0 else -math.log1p(-number)


@inlined
def _tamed(number: float, mean: float, inverse: float) -> float:
    if inverse != 0.0 and abs(number - mean) * inverse > OUTLIER:
        return mean + math.copysign(OUTLIER / inverse, number - mean)
    return number


@inlined
def _welford(lines: Numbers, at: int, value: float, mean: int, variance: int, inverse: int) -> None:
    """Takes a value into account in three places of a line, whose count says it already."""
    before, count = lines[at, mean], lines[at, COUNT]
    lines[at, mean] += (value - before) / count
    spread = (value - before) * (value - lines[at, mean])
    lines[at, variance] += (spread - lines[at, variance]) / count
    found = lines[at, variance]
    lines[at, inverse] = 1.0 / math.sqrt(found) if found > 0.0 else 0.0


@machine_code("i8(f8[::1],i8[:,::1],f8[:,::1],f8,i8,i8[::1],f8[::1])")
def _scale(
    numbers: Numbers,
    places: Indexes,
    lines: Numbers,
    scale: float,
    known: int,
    columns: Indexes,
    values: Numbers,
) -> int:
    values[0] = BIAS_VALUE
    values[1:known] = scale
    end = known
    for n in range(len(numbers)):
        number, at = numbers[n], places[n, 0]
        if not abs(number) < math.inf:
            columns[end], values[end] = places[n, 3], scale
            end += 1
            continue
        number = max(-LARGEST, min(LARGEST, number))
        z = (number - lines[at, MEAN]) * lines[at, INVERSE]
        if z != 0.0:
            columns[end], values[end] = places[n, 1], _clipped(z) * scale
            end += 1
        z = (_signed_log(number) - lines[at, LOG_MEAN]) * lines[at, LOG_INVERSE]
        if z != 0.0:
            columns[end], values[end] = places[n, 2], _clipped(z) * scale
            end += 1
    return end


@machine_code("void(f8[::1],i8[:,::1],f8[:,::1],f8)")
def _measure(numbers: Numbers, places: Indexes, lines: Numbers, enough: float) -> None:
    for n in range(len(numbers)):
        number, at = numbers[n], places[n, 0]
        if not abs(number) < math.inf or lines[at, COUNT] >= enough:
            continue
        number = max(-LARGEST, min(LARGEST, number))
        log = _signed_log(number)
        if lines[at, COUNT] >= SETTLED:
            number = _tamed(number, lines[at, MEAN], lines[at, INVERSE])
            log = _tamed(log, lines[at, LOG_MEAN], lines[at, LOG_INVERSE])
        lines[at, COUNT] += 1.0
        _welford(lines, at, number, MEAN, VARIANCE, INVERSE)
        _welford(lines, at, log, LOG_MEAN, LOG_VARIANCE, LOG_INVERSE)


COMPILED: Final = ScalingLoops(_scale, _measure)
"""Importing this module raises ImportError where numba is not installed."""
