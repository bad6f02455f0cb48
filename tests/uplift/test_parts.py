import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.features import Feature, FeatureKind
from engine.uplift.parts import Part

AGE = Feature("age", FeatureKind.NUMBER)
PLAN = Feature("plan", FeatureKind.CATEGORY)


def test_a_number_of_few_values_has_a_step_between_any_two() -> None:
    assert Part.of(AGE, [1, 2, 4, 4], 7, 0).steps == (1.5, 3.0)


def test_a_number_of_many_values_has_as_many_steps_as_it_may_at_quantiles() -> None:
    part = Part.of(AGE, list(range(100)), 3, 0)
    assert part.steps == (24.0, 49.0, 74.0)


def test_a_number_that_is_nearly_always_zero_tells_zero_from_the_rest() -> None:
    part = Part.of(AGE, [0.0] * 90 + [float(n) for n in range(1, 11)], 3, 0)
    assert part.steps == (0.0,)
    assert part.columns([0.0, 5.0])[:, 0].tolist() == pytest.approx([-0.1, 0.9])


def test_a_category_has_its_most_frequent_values_but_one() -> None:
    part = Part.of(PLAN, ["S", "S", "M", "S", "M", "L"], 0, 32)
    assert part.values == ("S", "M")


def test_a_value_never_seen_before_is_none_of_those_that_count() -> None:
    part = Part.of(PLAN, ["S", "S", "M", "L"], 0, 32)
    unseen = part.columns(["XXL"]) + part.means
    assert not unseen.any()


def test_a_set_has_a_column_for_each_member() -> None:
    part = Part.of(Feature("likes", FeatureKind.SET), [["a", "b"], ["a"], []], 0, 32)
    assert part.values == ("a", "b")
    assert (part.columns([["b", "a"]]) + part.means).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("feature", "raw"),
    [(AGE, [1, 2, None, 4]), (PLAN, ["S", "M", None, "S"])],
)
def test_what_is_missing_stands_at_the_average_and_is_told(
    feature: Feature, raw: list[Any]
) -> None:
    part = Part.of(feature, raw, 7, 32)
    assert part.missing
    missing = part.columns([None])[0]
    assert not missing[:-1].any()
    assert missing[-1] == pytest.approx(0.75)


@given(st.lists(st.none() | st.floats() | st.integers(-5, 5), min_size=1, max_size=40))
def test_columns_are_finite_and_centred_whatever_comes(raw: list[Any]) -> None:
    part = Part.of(AGE, raw, 7, 32)
    columns = part.columns(raw)
    assert columns.shape == (len(raw), part.width)
    assert np.isfinite(columns).all()
    assert columns.mean(axis=0) == pytest.approx(np.zeros(part.width), abs=1e-9)


def test_infinity_is_no_number_to_reckon_with() -> None:
    assert Part.of(AGE, [1.0, math.inf, 3.0], 7, 0).missing
