from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.backtest.table import read_table
from engine.uplift.backtest import UpliftReport, backtest_uplift, work
from engine.uplift.campaign import Campaign, HeldOut, campaign, held_out
from engine.uplift.earnings import Prices
from tests.uplift.world import Truth, World, constant, hill, promotion

HILLSTROM = Path(__file__).parents[3] / "shared" / "data" / "hillstrom" / "hillstrom-email.csv.gz"
PRICES = Prices(value=10.0, cost=0.15)


def split(truth: Truth, base: Truth | float, **options: Any) -> tuple[Campaign, HeldOut, World]:
    """A campaign, and others to judge it on, with their true uplift."""
    learned = campaign(promotion(truth, base, **options).table, "purchase=1", "promotion=Yes")
    others = promotion(truth, base, seed=99, customers=10_000)
    return learned, held_out(learned, others.table, "later.csv"), others


def report(learned: Campaign, others: HeldOut | None, prices: Prices = PRICES) -> UpliftReport:
    return backtest_uplift(learned, others, prices, int)


def test_a_rare_purchase_that_a_few_are_moved_to_earns_most_of_what_could_be_earned() -> None:
    """As in a real promotion: 1 % buy anyway, treating all loses money, the effect is on a hill."""
    truth = hill(0.002, 0.045)
    learned, others, world = split(truth, 0.008, customers=50_000)
    told = report(learned, others)
    brought = told.contest.treat_uplift
    assert told.contest.treat_everybody.nir_balanced.estimate < 0
    assert brought.nir_balanced.above_zero
    assert brought.irr.estimate > 0.015
    assert brought.earnings.share == pytest.approx((world.uplift > 0.015).mean(), abs=0.1)
    assert "It pays better than treating everybody." in told.conclusions


def test_where_nobody_is_worth_it_nobody_is_treated() -> None:
    told = report(*split(constant(0.005), 0.01, customers=20_000)[:2])
    assert told.contest.treat_uplift.earnings.share < 0.02


def test_without_any_effect_nothing_is_concluded() -> None:
    told = report(*split(constant(0.0), 0.1, customers=4_000)[:2], Prices())
    assert not told.contest.uplift.qini.above_zero
    assert "Whether uplift orders customers better than chance cannot be concluded." in (
        told.conclusions
    )


def test_customers_learned_from_are_judged_by_models_that_did_not() -> None:
    """Outcomes by lot, memorised as many small features would: no Qini comes of it."""
    chance = np.random.default_rng(4)
    noise = pl.DataFrame(
        {
            **{f"n{at}": chance.normal(size=3_000) for at in range(4)},
            "mail": chance.choice(["yes", "no"], 3_000),
            "won": chance.integers(0, 2, 3_000),
        }
    )
    told = report(campaign(noise, "won=1", "mail=yes"), None, Prices())
    assert told.cross_fitted
    assert told.held_out == told.learned == 3_000
    assert not told.contest.uplift.qini.above_zero


def test_what_is_held_out_has_no_influence_on_who_is_treated() -> None:
    learned, others, _ = split(hill(0.0, 0.1), 0.02, customers=6_000)
    turned = HeldOut(
        others.rows, type(others.trial)(others.trial.treated, 1 - others.trial.outcomes)
    )
    one, two = report(learned, others), report(learned, turned)
    assert one.contest.treat_uplift.earnings.treated == two.contest.treat_uplift.earnings.treated
    assert one.matters == two.matters


def test_progress_adds_up_and_the_report_is_json() -> None:
    learned, others, _ = split(constant(0.02), 0.05, customers=3_000)
    steps: list[int] = []
    told = backtest_uplift(learned, others, PRICES, steps.append).to_dict()
    assert sum(steps) == work(learned, others)
    assert told["nir"] == told["contest"]["treat_uplift"]["earnings"]["nir"]
    assert told["qini"] == told["contest"]["uplift"]["qini"]
    assert set(told["irr"]) == {"estimate", "low", "high"}


def test_a_column_known_only_afterwards_allows_no_conclusion() -> None:
    world = promotion(constant(0.2), 0.2, customers=3_000)
    leaky = world.table.with_columns(basket=pl.col("purchase") * 10)
    told = report(campaign(leaky, "purchase=1", "promotion=Yes"), None)
    assert told.conclusions[0].startswith("Nothing can be concluded: the arms differ by 'basket'")


@pytest.mark.skipif(not HILLSTROM.is_file(), reason=f"the e-mail experiment is not at {HILLSTROM}")
def test_the_email_experiment_is_ordered_better_than_by_response_and_than_at_random() -> None:
    learned = campaign(
        read_table(HILLSTROM), "visit=1", "segment=Womens E-Mail", drop=["conversion", "spend"]
    )
    assert len(learned.rows) == 42_693
    told = report(learned, None, Prices(1.0, 0.03))
    assert told.contest.uplift.qini.low > 0.004
    assert told.contest.qini_over_response.above_zero
    assert told.contest.nir_over_random.above_zero
    assert told.contest.nir_over_everybody.above_zero
