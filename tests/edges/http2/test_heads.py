"""What is made of a call's headers, whichever calls came before."""

from hypothesis import given
from hypothesis import strategies as st

from engine.edges.grpc.gate import Handler
from engine.edges.http2.heads import MOST, Head, opening
from engine.edges.http2.hpack import Field
from tests.edges.http2.wire import PATH, echo, fields

METHODS = {PATH + "Echo": Handler(echo)}
SPOILT = st.sampled_from(
    [
        (b":path", b"/nowhere"),
        (b"grpc-timeout", b"soon"),
        (b"grpc-timeout", b"7S"),
        (b"grpc-encoding", b"gzip"),
        (b"x", b"y" * MOST),
        (b"connection", b"close"),
    ]
)


@st.composite
def heads(draw: st.DrawFn) -> list[Field]:
    """A call's fields, often with a timeout, anywhere among them, and sometimes with what is wrong."""
    said = list(fields("Echo"))
    timeout = (b"grpc-timeout", b"%dm" % draw(st.integers(0, 10**8)))
    for field in draw(st.lists(st.one_of(st.just(timeout), SPOILT), max_size=2)):
        said.insert(draw(st.integers(0, len(said))), field)
    return said


@given(st.lists(heads(), max_size=12))
def test_calls_before_change_nothing_about_a_head(calls: list[list[Field]]) -> None:
    read = opening(METHODS)
    for call in calls:
        assert read(list(call)) == opening(METHODS)(list(call))


@given(st.lists(st.integers(0, 10**8 - 1), min_size=1, max_size=5))
def test_every_call_has_its_own_timeout(timeouts: list[int]) -> None:
    read = opening(METHODS)
    found = [read([*fields("Echo"), (b"grpc-timeout", b"%dm" % each)]) for each in timeouts]
    assert found == [Head(METHODS[PATH + "Echo"], each * 1e-3, b"identity") for each in timeouts]


def test_a_timeout_among_the_pseudo_headers_is_out_of_place() -> None:
    said = [*fields("Echo")[:1], (b"grpc-timeout", b"1S"), *fields("Echo")[1:]]
    assert not isinstance(opening(METHODS)(said), Head)
