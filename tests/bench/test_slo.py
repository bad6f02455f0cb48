"""Limits: how they are written, and when they are kept."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bench.slo import judge, parse
from engine.bench.tally import Tally
from engine.wire.decision_pb2 import DecideRequest
from tests.bench.service import answered


def tally(good: int, lost: int, seconds: float = 0.010) -> Tally:
    made = Tally()
    for _ in range(good):
        made.sent(0.0)
        made.answered(answered(DecideRequest(placements=["web.hero"])), seconds)
    for _ in range(lost):
        made.sent(0.0)
        made.failed("Decide", "UNAVAILABLE")
    return made


def kept(limits: str, of: Tally) -> list[bool]:
    return [verdict.kept for verdict in judge(parse(limits), of)]


def test_latency_within_the_limit_keeps_it():
    assert kept("p50=11ms, p99.9=0.011s,max=11000us", tally(100, 0)) == [True, True, True]
    assert kept("p50=9ms", tally(100, 0)) == [False]


def test_what_was_never_answered_is_slower_than_any_limit():
    assert kept("p98=1s,p99=1s", tally(98, 2)) == [True, False]
    assert judge(parse("p99=1s"), tally(98, 2))[0].measured == "never"


@given(good=st.integers(0, 50), lost=st.integers(0, 50))
def test_errors_are_a_share_of_all_asked_and_none_answered_keeps_nothing(good, lost):
    share = lost / (good + lost) if good + lost else 1.0
    assert kept("errors=25%", tally(good, lost)) == [good > 0 and share <= 0.25]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p99", "'p99' is no limit, e.g. p99=20ms or errors=0.1%"),
        ("p99=20", "p99=20: must be a time such as 20ms (us, ms, s)"),
        ("errors=3", "errors=3: must be a share such as 0.1%"),
        ("eror=1%", "'eror' is not one of p50, p90, p95, p99, p99.9, max, errors, degraded"),
        ("errrors=1%", "Did you mean 'errors'?"),
        ("", "'' is no limit"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_would_be_right(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(text)
