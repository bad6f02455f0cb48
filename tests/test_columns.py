"""Columns are the numbers they were made of, and take no room where these are one number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columns import column, evenly, the_same

numbers = st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0])


@given(st.lists(numbers | st.just(float("nan")), max_size=9))
def test_a_column_is_what_it_was_made_of(told: list[float]) -> None:
    made = column(told)
    np.testing.assert_array_equal(made, told)
    assert not made.flags.writeable
    with np.errstate(over="ignore"):
        product, expected = made * 2.0, np.array(told) * 2.0
    np.testing.assert_array_equal(product, expected)


@given(numbers, st.integers(1, 9))
def test_one_number_for_all_is_known_to_be_one(number: float, count: int) -> None:
    for made in (column([number] * count), evenly(number, count)):
        assert the_same(made) == number
        assert len(made) == count
        assert made.strides == (0,)


@pytest.mark.parametrize("told", [[], [float("nan")] * 3, [1.0, 2.0]])
def test_what_differs_or_is_no_number_is_not_one(told: list[float]) -> None:
    assert the_same(column(told)) is None
