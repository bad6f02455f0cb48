"""Bins of one predictor, by hand and for anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exports.binning import BinType, binned, z_ratio
from engine.features import FeatureKind
from engine.model import Value

VALUES: dict[FeatureKind, st.SearchStrategy[Value]] = {
    FeatureKind.NUMBER: st.none() | st.floats() | st.integers(-(10**20), 10**20),
    FeatureKind.CATEGORY: st.none() | st.text(max_size=2),
    FeatureKind.FLAG: st.none() | st.booleans(),
    FeatureKind.SET: st.none() | st.lists(st.sampled_from("abcdef"), max_size=3),
}


@given(st.sampled_from(list(FeatureKind)), st.data())
def test_every_offer_is_in_one_bin(kind: FeatureKind, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], min_size=1, max_size=80))
    rewards = data.draw(
        st.lists(st.sampled_from([0.0, 0.2, 1.0]), min_size=len(values), max_size=len(values))
    )
    found = binned("x", kind, values, np.array(rewards))
    assert found.offers == len(values)
    assert found.positives == pytest.approx(sum(rewards))
    assert 0.5 <= found.auc <= 1.0
    assert len(found.bins) <= 22
    bounded = [one for one in found.bins if one.lower is not None]
    assert [one.upper for one in bounded[:-1]] == [one.lower for one in bounded[1:]]


def test_numbers_are_cut_at_their_deciles() -> None:
    found = binned("x", FeatureKind.NUMBER, list(range(100)), np.repeat([0.0, 1.0], 50))
    assert [one.offers for one in found.bins] == [10] * 10
    assert [one.positives for one in found.bins] == [0.0] * 5 + [10.0] * 5
    assert found.auc == 1.0
    assert found.contents == "Range : [0.00, 99.00]"


def test_missing_and_rare_values_have_bins_of_their_own() -> None:
    values: list[Value] = [None, *(f"v{n}" for n in range(30)), *(["often"] * 10)]
    found = binned("x", FeatureKind.CATEGORY, values, np.zeros(41))
    assert found.bins[0].symbol == "often"
    assert [one.type for one in found.bins[-2:]] == [BinType.REST, BinType.MISSING]
    assert [one.offers for one in found.bins[-2:]] == [11, 1]


def test_a_number_that_is_always_missing_has_one_bin() -> None:
    found = binned("x", FeatureKind.NUMBER, [None, float("nan")], np.array([0.0, 1.0]))
    assert [(one.type, one.offers) for one in found.bins] == [(BinType.MISSING, 2)]


def test_the_z_ratio_of_the_published_formula() -> None:
    found = binned(
        "x", FeatureKind.FLAG, [True] * 50 + [False] * 50, np.array([1.0, 0.0] * 20 + [0.0] * 60)
    )
    true = next(one for one in found.bins if one.symbol == "true")
    taking, leaving = 20 / 20, 30 / 80
    variance = taking * (1 - taking) / 20 + leaving * (1 - leaving) / 80
    assert z_ratio(true, found) == pytest.approx((taking - leaving) / variance**0.5)
