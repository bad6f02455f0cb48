import numpy as np
import pytest

from engine.uplift.bootstrap import DRAWS, Interval, redrawn
from engine.uplift.curves import Trial
from engine.uplift.parts import Numbers


def trial(customers: int = 400) -> Trial:
    chance = np.random.default_rng(5)
    return Trial(chance.random(customers) < 0.3, (chance.random(customers) < 0.2).astype(float))


def test_arms_keep_their_sizes_in_every_draw() -> None:
    one = trial()
    drawn = redrawn(one, lambda weights: {"treated": float(weights[one.treated].sum())}, int)
    assert set(drawn["treated"].tolist()) == {float(one.treated.sum())}


def test_every_draw_is_told_and_the_same_next_time() -> None:
    one, steps = trial(), list[int]()

    def successes(weights: Numbers) -> dict[str, float]:
        return {"successes": float(weights @ one.outcomes)}

    first = redrawn(one, successes, steps.append)
    assert sum(steps) == DRAWS
    assert first["successes"].tolist() == redrawn(one, successes, int)["successes"].tolist()


def test_the_interval_of_a_rate_is_as_wide_as_it_should_be() -> None:
    one = trial(4_000)
    arm = one.outcomes[one.treated]
    drawn = redrawn(one, lambda w: {"rate": float(w[one.treated] @ arm) / len(arm)}, int)
    interval = Interval.of(float(arm.mean()), drawn["rate"])
    error = np.sqrt(arm.mean() * (1 - arm.mean()) / len(arm))
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert interval.low < interval.estimate < interval.high


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [(0.1, 0.3, True, False), (-0.1, 0.3, False, False), (-0.3, -0.1, False, True)],
)
def test_an_interval_knows_its_side_of_zero(
    low: float, high: float, above: bool, below: bool
) -> None:
    interval = Interval((low + high) / 2, low, high)
    assert (interval.above_zero, interval.below_zero) == (above, below)
