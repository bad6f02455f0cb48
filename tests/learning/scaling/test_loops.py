import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import preprocessing

from engine.learning.scaling.loops import (
    BIAS_VALUE,
    CLIP,
    MEAN,
    VARIANCE,
    WIDTH,
    ScalingLoops,
    scaling_loops,
)
from engine.learning.scaling.plain import PLAIN, signed_log

FASTEST = scaling_loops()
BOTH = pytest.mark.parametrize("loops", [FASTEST, PLAIN], ids=["fastest", "plain"])
ANY = st.one_of(st.floats(), st.floats(-50, 50), st.sampled_from([0.0, -0.0, 1e15, -1e300]))
PLACES = np.array([[1, 10, 11, 12], [0, 20, 21, 22]])


def learned(loops: ScalingLoops, customers: list[tuple[float, float]], enough: float) -> Any:
    lines = np.zeros((2, WIDTH))
    for numbers in customers:
        loops.measure(np.array(numbers), PLACES, lines, enough)
    return lines


def told(loops: ScalingLoops, numbers: tuple[float, float], lines: Any) -> dict[int, float]:
    columns, values = np.full(6, -1), np.full(6, np.nan)
    end = loops.scale(np.array(numbers), PLACES, lines, 0.5, 1, columns, values)
    assert (columns[0], values[0]) == (-1, BIAS_VALUE)
    return dict(zip(columns[1:end].tolist(), values[1:end].tolist(), strict=True))


@pytest.mark.skipif(FASTEST is PLAIN, reason="engine/native/loops.c is not compiled")
@settings(deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY), max_size=80), st.tuples(ANY, ANY), st.sampled_from([40, math.inf])
)
def test_numbers_are_learned_and_told_in_the_same_bits(
    customers: list[tuple[float, float]], numbers: tuple[float, float], enough: float
) -> None:
    compiled, plain = (learned(loops, customers, enough) for loops in (FASTEST, PLAIN))
    assert compiled.tobytes() == plain.tobytes()
    ours, theirs = (told(loops, numbers, compiled) for loops in (FASTEST, PLAIN))
    assert list(ours) == list(theirs)
    assert np.array(list(ours.values())).tobytes() == np.array(list(theirs.values())).tobytes()


@BOTH
def test_mean_and_variance_are_those_of_river_s_scaler(loops: ScalingLoops) -> None:
    chance, river = np.random.default_rng(1), preprocessing.StandardScaler()
    customers = [(float(a), float(b)) for a, b in chance.normal(5, 2, size=(400, 2))]
    lines = learned(loops, customers, math.inf)
    for number, _ in customers:
        river.learn_one({"number": number})
    assert lines[1, MEAN] == river.means["number"]
    assert lines[1, VARIANCE] == river.vars["number"]


@BOTH
def test_a_number_is_told_twice_standardised_and_clipped(loops: ScalingLoops) -> None:
    lines = learned(loops, [(1.0, 0.0), (3.0, 0.0)], math.inf)
    logs = math.log(2), math.log(4)
    middle, deviation = sum(logs) / 2, (logs[1] - logs[0]) / 2
    expected = {10: 0.5, 11: 0.5 * (math.log(4) - middle) / deviation}
    assert told(loops, (3.0, 0.0), lines) == pytest.approx(expected)
    assert told(loops, (1e9, 0.0), lines) == {10: 0.5 * CLIP, 11: 0.5 * CLIP}


@BOTH
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_told_to_be_missing_and_not_learned(
    loops: ScalingLoops, number: float
) -> None:
    lines = learned(loops, [(1.0, number), (3.0, number)], math.inf)
    assert told(loops, (2.0, number), lines)[22] == 0.5
    assert not lines[0].any()


@BOTH
def test_a_number_known_well_enough_is_learned_no_more(loops: ScalingLoops) -> None:
    few = [(float(n), 1.0) for n in range(10)]
    many = [*few, (99.0, 99.0)]
    assert (learned(loops, many, 10) == learned(loops, few, 10)).all()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_signed_logarithms_mirror_each_other(number: float) -> None:
    assert signed_log(-number) == -signed_log(number)
