"""Plain: the loops over numbers in Python, where nothing was compiled."""

import math
from typing import Final

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


def _scale(
    numbers: Numbers,
    places: Indexes,
    lines: Numbers,
    scale: float,
    known: int,
    columns: Indexes,
    values: Numbers,
) -> int:
    told: list[tuple[int, float]] = []
    known_of = lines[places[:, 0]].tolist()
    for number, line, (_, plain, logarithm, missing) in zip(
        numbers.tolist(), known_of, places.tolist(), strict=True
    ):
        if not abs(number) < math.inf:
            told.append((missing, scale))
            continue
        number = max(-LARGEST, min(LARGEST, number))  # noqa: PLW2901  # the same number, within bounds
        z = (number - line[MEAN]) * line[INVERSE]
        if z:
            told.append((plain, _clipped(z) * scale))
        z = (signed_log(number) - line[LOG_MEAN]) * line[LOG_INVERSE]
        if z:
            told.append((logarithm, _clipped(z) * scale))
    values[0] = BIAS_VALUE
    values[1:known] = scale
    end = known + len(told)
    columns[known:end] = [column for column, _ in told]
    values[known:end] = [value for _, value in told]
    return end


def _measure(numbers: Numbers, places: Indexes, lines: Numbers, enough: float) -> None:
    for number, at in zip(numbers.tolist(), places[:, 0].tolist(), strict=True):
        line = lines[at].tolist()
        if not abs(number) < math.inf or line[COUNT] >= enough:
            continue
        number = max(-LARGEST, min(LARGEST, number))  # noqa: PLW2901  # the same number, within bounds
        log = signed_log(number)
        if line[COUNT] >= SETTLED:
            number = _tamed(number, line[MEAN], line[INVERSE])  # noqa: PLW2901  # the same, tamed
            log = _tamed(log, line[LOG_MEAN], line[LOG_INVERSE])
        line[COUNT] += 1.0
        for value, mean, variance, inverse in (
            (number, MEAN, VARIANCE, INVERSE),
            (log, LOG_MEAN, LOG_VARIANCE, LOG_INVERSE),
        ):
            before = line[mean]
            line[mean] += (value - before) / line[COUNT]
            spread = (value - before) * (value - line[mean])
            line[variance] += (spread - line[variance]) / line[COUNT]
            line[inverse] = 1.0 / math.sqrt(line[variance]) if line[variance] > 0.0 else 0.0
        lines[at] = line


def _clipped(z: float) -> float:
    return z if -CLIP < z < CLIP else math.copysign(CLIP, z)


def signed_log(number: float) -> float:
    """`sign(v)·ln(1 + |v|)`.

    >>> round(signed_log(-9.0), 3), signed_log(0)
    (-2.303, 0.0)
    """
    return math.log1p(number) if number >= 0.0 else -math.log1p(-number)


def _tamed(number: float, mean: float, inverse: float) -> float:
    if inverse and abs(number - mean) * inverse > OUTLIER:
        return mean + math.copysign(OUTLIER / inverse, number - mean)
    return number


PLAIN: Final = ScalingLoops(_scale, _measure)
