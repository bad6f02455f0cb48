import numpy as np
import pytest

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.uplift.design import Design
from tests.uplift.world import SCHEMA, constant, promotion


def numbers(count: int) -> FeatureSchema:
    return FeatureSchema(tuple(Feature(f"n{at}", FeatureKind.NUMBER) for at in range(count)))


def wide(columns: int) -> Design:
    rows = np.random.default_rng(1).normal(size=(200, columns)).tolist()
    return Design(numbers(columns), rows)


def test_groups_lie_side_by_side_and_cover_all_columns() -> None:
    groups = Design(SCHEMA, promotion(constant(0.0), customers=500).rows).groups
    assert [group.names for group in groups[:5]] == [
        ("v1",),
        ("v2",),
        ("v3",),
        ("v4",),
        ("v1", "v2"),
    ]
    ends = [group.first + group.width for group in groups]
    assert [group.first for group in groups] == [0, *ends[:-1]]


@pytest.mark.parametrize("columns", [2, 7, 12, 24])
def test_there_is_room_for_three_hundred_of_either_sort(columns: int) -> None:
    groups = wide(columns).groups
    assert sum(group.width for group in groups if not group.is_pair) <= 300
    assert 0 < sum(group.width for group in groups if group.is_pair) <= 300


def test_of_very_many_features_no_two_are_multiplied() -> None:
    assert not any(group.is_pair for group in wide(40).groups)


def test_a_product_is_that_of_its_two_parts() -> None:
    schema = FeatureSchema((Feature("a", FeatureKind.FLAG), Feature("b", FeatureKind.FLAG)))
    rows = [(True, True), (True, False), (False, True), (False, False)]
    encoded = Design(schema, rows).encode(rows)
    assert encoded[:, 2] == pytest.approx(2 * encoded[:, 0] * encoded[:, 1])


def test_one_customer_is_encoded_as_among_others() -> None:
    rows = promotion(constant(0.0), customers=300).rows
    design = Design(SCHEMA, rows)
    assert design.encode(rows)[17] == pytest.approx(design.encode([rows[17]])[0])


def test_single_columns_are_those_of_features_before_they_are_divided() -> None:
    rows = promotion(constant(0.0), customers=300).rows
    design = Design(SCHEMA, rows)
    group = design.groups[1]
    single = design.encode_singly(rows)[:, group.columns]
    assert design.encode(rows)[:, group.columns] == pytest.approx(single / np.sqrt(group.width))
