from hypothesis import given
from hypothesis import strategies as st
from river import preprocessing

from engine.learning.moments import Moments

numbers = st.floats(-1e15, 1e15)
lessons = st.lists(st.dictionaries(st.sampled_from("abc"), numbers), max_size=30)


@given(lessons)
def test_they_are_to_the_last_bit_those_of_rivers_scaler(seen: list[dict[str, float]]) -> None:
    moments, scaler = Moments(), preprocessing.StandardScaler()
    for one in seen:
        moments.learn_one(one)
        scaler.learn_one(one)
        assert moments.counts == scaler.counts
        assert moments.means == scaler.means
        assert moments.vars == scaler.vars
