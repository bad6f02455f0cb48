"""Contests of the benchmarks: only equal answers are timed."""

import pytest

from benchmarks.peers.contest import PEERS, Contest, Different, compare, contests, timed
from benchmarks.peers.scoring import about, close


def contest(theirs: object, at_least: float | None = None) -> Contest:
    return Contest(
        "peer", "work", lambda n: n, lambda n: theirs, lambda a, b: a == b, at_least=at_least
    )


def test_a_peer_that_answers_otherwise_is_not_timed() -> None:
    with pytest.raises(Different, match="peer, customer 1: 0, not 1"):
        compare(contest(theirs=0), customers=3)


def test_what_was_promised_is_met_or_not() -> None:
    never, always = contest(0, at_least=1e9), contest(0, at_least=0)
    assert timed(never, 3, 0.001).met is False
    assert timed(always, 3, 0.001).met is True
    assert timed(contest(0), 3, 0.001).met is None


@pytest.mark.parametrize("name", PEERS[:1])
def test_a_loop_over_river_scores_as_attune_does(name: str) -> None:
    first, second, *_ = contests([name])
    assert isinstance(first, Contest)
    assert isinstance(second, Contest)
    compare(first, 5)
    compare(second, 5)


def test_answers_are_equal_if_candidates_and_propensities_are() -> None:
    best = [(3, 0.5), (1, 0.25)]
    assert close(best, list(best))
    assert not close(best, [(3, 0.5), (2, 0.25)])
    assert not close(best, [(3, 0.5), (1, 0.2501)])
    assert not close(best, best[:1])
    assert about(best, [(3, 0.500001), (2, 0.250001)])
    assert not about(best, [(3, 0.5), (1, 0.251)])
