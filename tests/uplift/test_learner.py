from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.uplift.design import Design
from engine.uplift.learner import UpliftLearner
from tests.uplift.world import SCHEMA, World, constant, hill, promotion


def learned(world: World, block: int = 2_048) -> UpliftLearner:
    learner = UpliftLearner(Design(SCHEMA, world.rows))
    for at in range(0, len(world.rows), block):
        part = world.trial.of(np.arange(at, min(at + block, len(world.rows))))
        learner.learn(world.rows[at : at + block], part.treated, part.outcomes)
    return learner


def correlation(one: Sequence[Any] | np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_a_hill_is_found_and_the_features_it_stands_on_are_named() -> None:
    model = learned(promotion(hill(0.0, 0.15), 0.05)).model()
    others = promotion(hill(0.0, 0.15), 0.05, seed=2, customers=3_000)
    assert correlation(model.uplift(others.rows), others.uplift) > 0.9
    named = {name for names, chance in model.matters if chance > 0.9 for name in names}
    assert named == {"v3", "v4"}


def test_where_everybody_is_changed_alike_no_feature_matters() -> None:
    model = learned(promotion(constant(0.05), 0.05)).model()
    assert all(chance < 0.5 for _, chance in model.matters)
    uplift = model.uplift(promotion(constant(0.05), seed=2, customers=2_000).rows)
    assert uplift.std() < 0.01
    assert uplift.mean() == pytest.approx(0.05, abs=0.008)


def test_who_buys_anyway_is_not_who_is_changed() -> None:
    """Those with v4 buy often but do not care; the others seldom but do."""

    def base(table: pl.DataFrame) -> pl.Series:
        return pl.Series(np.where(table["v4"], 0.3, 0.05))

    def truth(table: pl.DataFrame) -> pl.Series:
        return pl.Series(np.where(table["v4"], 0.0, 0.1))

    learner = learned(promotion(truth, base))
    others = promotion(truth, base, seed=2, customers=2_000)
    assert correlation(learner.model().uplift(others.rows), others.uplift) > 0.95
    assert correlation(learner.response_model().chances(others.rows), others.uplift) < 0.0


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_mean_chance_of_each_arm_is_the_rate_observed(share: float) -> None:
    world = promotion(hill(0.0, 0.1), 0.03, share=share)
    alone, treated = learned(world).model().chances(world.rows)
    trial = world.trial
    assert alone.mean() == pytest.approx(trial.outcomes[~trial.treated].mean(), rel=0.06)
    assert treated.mean() == pytest.approx(trial.outcomes[trial.treated].mean(), rel=0.06)


def test_one_customer_scores_as_among_others() -> None:
    world = promotion(hill(0.0, 0.1), customers=6_000)
    model = learned(world).model()
    assert model.uplift_one(world.rows[3]) == pytest.approx(model.uplift(world.rows)[3])


def test_the_same_rows_in_the_same_order_give_the_same_weights() -> None:
    world = promotion(hill(0.0, 0.1), customers=6_000)
    one, two = (learned(world).model() for _ in range(2))
    assert one.change.weights.tobytes() == two.change.weights.tobytes()


def test_the_size_of_blocks_hardly_matters() -> None:
    world = promotion(hill(0.0, 0.15), 0.05)
    large, small = learned(world, 4_096).model(), learned(world, 500).model()
    rows = world.rows[:2_000]
    assert correlation(large.uplift(rows), small.uplift(rows)) > 0.97


def test_asking_for_the_model_leaves_the_learner_as_it_was() -> None:
    world = promotion(hill(0.0, 0.1), customers=9_000)
    asked, unasked = UpliftLearner(Design(SCHEMA, world.rows)), learned(world, 3_000)
    for at in range(0, 9_000, 3_000):
        part = world.trial.of(np.arange(at, at + 3_000))
        asked.learn(world.rows[at : at + 3_000], part.treated, part.outcomes)
        if at:
            asked.model()
    assert asked.model().change.weights.tobytes() == unasked.model().change.weights.tobytes()


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_a_handful_of_customers_who_all_fared_alike_gives_no_extremes(outcome: float) -> None:
    rows = promotion(constant(0.0), customers=20).rows
    learner = UpliftLearner(Design(SCHEMA, rows))
    learner.learn(rows, np.arange(20) % 2 == 0, np.full(20, outcome))
    uplift = learner.model().uplift(rows)
    assert np.isfinite(uplift).all()
    assert abs(uplift).max() < 0.2


def test_nobody_to_score_is_no_mistake() -> None:
    world = promotion(constant(0.0), customers=300)
    learner = learned(world)
    assert learner.model().uplift([]).shape == (0,)
    assert learner.response_model().chances([]).shape == (0,)


def test_chances_are_probabilities_for_features_never_seen() -> None:
    world = promotion(hill(0.0, 0.1), customers=6_000)
    model = learned(world).model()
    alone, treated = model.chances([("z", 1e300, -1e300, None), (None, None, None, True)])
    for chances in (alone, treated):
        assert ((chances >= 0) & (chances <= 1)).all()
