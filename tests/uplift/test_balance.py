import numpy as np

from engine.uplift.balance import unbalanced
from engine.uplift.design import Design
from tests.uplift.world import SCHEMA, constant, promotion


def test_arms_made_by_chance_do_not_differ() -> None:
    world = promotion(constant(0.05), customers=6_000)
    assert unbalanced(Design(SCHEMA, world.rows), world.rows, world.trial.treated) == ()


def test_a_feature_by_which_customers_were_picked_is_named() -> None:
    world = promotion(constant(0.05), customers=6_000)
    picked = np.array([row[3] for row in world.rows]) ^ (np.arange(6_000) % 3 == 0)
    assert unbalanced(Design(SCHEMA, world.rows), world.rows, picked) == ("v4",)
