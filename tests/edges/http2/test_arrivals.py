from hypothesis import given
from hypothesis import strategies as st

from engine.edges.http2.arrivals import Arrivals


def test_a_message_has_come_when_its_last_octet_has() -> None:
    arrivals = Arrivals()
    arrivals.came(10, 1.0)
    arrivals.came(10, 2.0)
    assert arrivals.taken(15) == 2.0


def test_octets_that_come_within_a_millisecond_count_from_the_first_of_them() -> None:
    arrivals = Arrivals()
    for at in (1.0, 1.000_9, 1.001_5):
        arrivals.came(10, at)
    assert [arrivals.taken(10) for _ in range(3)] == [1.0, 1.0, 1.001_5]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 9)), min_size=1), st.data())
def test_whatever_is_read_when_and_how_much_at_once(pieces, data) -> None:
    arrivals, octets, at = Arrivals(), list[float](), 0.0
    while pieces or octets:
        if pieces and (not octets or data.draw(st.booleans())):
            size, later = pieces.pop()
            at += later
            octets += [at] * size
            arrivals.came(size, at)
        else:
            size = data.draw(st.integers(1, len(octets)))
            assert arrivals.taken(size) == octets[size - 1]
            del octets[:size]
