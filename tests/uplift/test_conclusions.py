from dataclasses import replace

import pytest

from engine.uplift.bootstrap import Interval
from engine.uplift.conclusions import conclusions
from engine.uplift.contest import Contest, Policy, Ranking
from engine.uplift.earnings import Earnings, Prices

GOOD, OPEN, BAD = Interval(0.2, 0.1, 0.3), Interval(0.1, -0.1, 0.3), Interval(-0.2, -0.3, -0.1)


def found(every: Interval = GOOD, share: float = 0.4) -> Contest:
    """A contest whose every interval is the same."""
    brought = Earnings(share, 1_000 * share, 1_000 * share, 9, 5, 0.01, 5.0, 5.0)
    ranking, policy = Ranking(every, every, 0.1), Policy(brought, every, every)
    return Contest(
        effect=every,
        uplift=ranking,
        response=ranking,
        random_auuc=every,
        qini_over_response=every,
        treat_uplift=policy,
        treat_response=policy,
        treat_everybody=policy,
        random_nir=every,
        nir_over_response=every,
        nir_over_random=every,
        nir_over_everybody=every,
    )


@pytest.mark.parametrize(("interval", "word"), [(GOOD, "better"), (BAD, "worse")])
def test_what_is_sure_is_said(interval: Interval, word: str) -> None:
    told = conclusions(found(interval), Prices(), ())
    assert f"By uplift customers are ordered {word} than by response." in told
    assert f"It pays {word} than treating everybody." in told


def test_nothing_is_concluded_from_an_interval_with_zero_in_it() -> None:
    told = conclusions(found(OPEN), Prices(), ())
    assert all("cannot be" in sentence for sentence in told)
    assert len(told) == 6


def test_arms_that_chance_cannot_have_made_allow_no_conclusion() -> None:
    (told,) = conclusions(found(), Prices(), ("spend",))
    assert told.startswith("Nothing can be concluded: the arms differ by 'spend'")


def test_if_nobody_is_worth_treating_that_is_said() -> None:
    told = conclusions(found(OPEN, share=0.0), Prices(10.0, 0.15), ())
    assert told[-1].startswith("Treat nobody: no customer's uplift is worth")


def test_a_policy_that_treats_everybody_is_not_compared_with_itself() -> None:
    told = conclusions(found(GOOD, share=1.0), Prices(), ())
    assert not any("than treating" in sentence and "pays" in sentence for sentence in told)


def test_each_figure_has_a_sentence_of_its_own() -> None:
    told = conclusions(replace(found(OPEN), effect=GOOD), Prices(), ())
    assert told[0] == "Treating everybody brings more successes than treating nobody."
    assert "cannot be concluded" in told[1]
