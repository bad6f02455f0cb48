import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest.backtest import Report, backtest, log_loss, past, roc_auc
from engine.backtest.table import read_table
from engine.errors import InvalidInput

DATA = Path(__file__).parents[3] / "shared" / "data"


def campaign(rows: int = 600, seed: int = 1) -> pl.DataFrame:
    """Calls that young people on plan S answer, as text like any CSV."""
    chance = random.Random(seed)
    made: dict[str, list[str]] = {"customer": [], "age": [], "plan": [], "offer": [], "answer": []}
    for n in range(rows):
        age, plan = chance.randrange(18, 80), chance.choice("SML")
        offer = chance.choice(["data", "calls"])
        likes = 0.05 + 0.6 * (plan == "S" and age < 40) + 0.3 * (offer == "data" and plan == "L")
        made["customer"].append(f"c{n}")
        made["age"].append(str(age))
        made["plan"].append(plan)
        made["offer"].append(offer)
        made["answer"].append("yes" if chance.random() < likes else "no")
    return pl.DataFrame(made)


def test_what_can_be_learned_is_learned() -> None:
    report = backtest(past(campaign(3_000), "answer=yes"))
    assert report.rows == 3_000
    assert report.auc > 0.75
    assert report.log_loss < report.constant_log_loss - 0.03
    assert report.us_per_row > 0
    assert report.features == ("age", "plan", "offer")


def test_what_is_random_cannot_be_learned() -> None:
    table = campaign(3_000).with_columns(pl.col("answer").shuffle(seed=1))
    assert backtest(past(table, "answer=yes")).auc == pytest.approx(0.5, abs=0.06)


def test_each_row_is_predicted_before_it_is_learned() -> None:
    """A column that gives the answer away cannot help with the very first rows."""
    table = pl.DataFrame({"leak": ["a", "b"] * 2, "answer": ["yes", "no"] * 2})
    report = backtest(past(table, "answer=yes"))
    assert report.log_loss > 0.3
    assert report.constant_log_loss == pytest.approx(np.log(2))


def test_the_same_file_gives_the_same_figures() -> None:
    one, two = (backtest(past(campaign(300), "answer=yes")) for _ in range(2))
    assert (one.auc, one.log_loss) == (two.auc, two.log_loss)


def test_an_action_column_is_no_feature_and_helps_where_actions_differ() -> None:
    lessons = past(campaign(3_000), "answer=yes", action="offer")
    assert lessons.schema.names == ("age", "plan")
    assert set(lessons.actions) == {"data", "calls"}
    without = backtest(past(campaign(3_000), "answer=yes", drop=["offer"]))
    assert backtest(lessons).auc > without.auc


def test_ids_are_left_out_and_named() -> None:
    assert past(campaign(), "answer=yes").remarks == (
        "Left out, because it is different for almost everybody: 'customer'.",
    )


def test_rows_without_a_target_are_skipped_and_counted() -> None:
    table = pl.DataFrame(
        {"plan": ["S", "M", "S", "S", "M"], "answer": ["yes", None, "no", "no", "no"]}
    )
    lessons = past(table, "answer=yes")
    assert lessons.labels.tolist() == [True, False, False, False]
    assert "1 rows without answer were skipped." in lessons.remarks


def test_dropped_columns_are_not_seen() -> None:
    assert past(campaign(), "answer=yes", drop=["age", "offer"]).schema.names == ("plan",)


@pytest.mark.parametrize(
    ("cells", "value", "labels"),
    [
        (["1", "0"], "1", [True, False]),
        (["1.0", "0.0"], "1", [True, False]),
        ([1, 0], "1", [True, False]),
        ([1.0, 0.0], "1", [True, False]),
        ([True, False], "True", [True, False]),
        ([True, False], "false", [False, True]),
        (["a=b", "c"], "a=b", [True, False]),
    ],
)
def test_a_target_value_is_recognised_as_it_is_written(
    cells: list[Any], value: str, labels: list[bool]
) -> None:
    table = pl.DataFrame({"plan": ["S", "M"], "answer": cells})
    assert past(table, f"answer={value}", action="plan").labels.tolist() == labels


def test_a_column_may_have_an_equals_sign_in_its_name() -> None:
    table = pl.DataFrame({"a=b": ["x", "y"], "plan": ["S", "M"]})
    assert past(table, "a=b=x", action="plan").labels.tolist() == [True, False]


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("answer", {}, "--target: 'answer' is not COLUMN=VALUE"),
        ("anwser=yes", {}, "--target: there is no column 'anwser'. Did you mean 'answer'?"),
        ("zzz=yes", {}, "There are: customer, age, plan, offer, answer."),
        ("answer=Yes", {}, "answer is never 'Yes'. Did you mean 'yes'?"),
        ("answer=maybe", {}, "Its values: no, yes."),
        ("answer=yes", {"drop": ["agee"]}, "--drop: there is no column 'agee'"),
        ("answer=yes", {"action": "ofer"}, "--action: there is no column 'ofer'"),
        (
            "answer=yes",
            {"drop": ["age", "plan", "offer", "customer"]},
            "no column is left to learn from",
        ),
    ],
)
def test_mistakes_are_met_with_what_there_is(
    target: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        past(campaign(50), target, **options)
    assert message in str(refused.value)


def test_a_target_that_is_always_reached_is_refused() -> None:
    with pytest.raises(InvalidInput, match="in every row"):
        past(pl.DataFrame({"plan": ["S", "M"], "answer": ["yes", "yes"]}), "answer=yes")


def test_a_figure_too_good_to_be_true_is_remarked_upon() -> None:
    table = campaign(800).with_columns(pl.col("answer").alias("won"))
    assert "known only after the fact" in backtest(past(table, "answer=yes")).remarks[-1]


def test_progress_is_told() -> None:
    steps: list[int] = []
    backtest(past(campaign(1_200), "answer=yes"), steps.append)
    assert sum(steps) == 1_000


def test_wild_values_do_no_harm() -> None:
    clean = campaign(1_000)
    wild = clean.with_columns(
        pl.when(pl.int_range(pl.len()) % 97 == 0)
        .then(pl.lit("1e300"))
        .otherwise(pl.col("age"))
        .alias("age")
    )
    assert backtest(past(wild, "answer=yes")).auc > 0.7


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9])), min_size=2))
def test_the_auc_counts_pairs(pairs: list[tuple[bool, float]]) -> None:
    ups = [score for label, score in pairs if label]
    downs = [score for label, score in pairs if not label]
    if not ups or not downs:
        return
    won = sum((u > d) + (u == d) / 2 for u in ups for d in downs)
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    assert roc_auc(labels, scores) == pytest.approx(won / (len(ups) * len(downs)))


def test_log_loss_of_a_sure_mistake_is_finite() -> None:
    assert log_loss(np.array([True]), np.array([0.0])) == pytest.approx(34.54, abs=0.01)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not at {DATA}")
@pytest.mark.parametrize(
    ("file", "target", "options", "auc", "loss"),
    [
        ("telco/telco-customer-churn.csv.gz", "Churn=Yes", {}, 0.8435, 0.4174),
        (
            "hillstrom/hillstrom-email.csv.gz",
            "visit=1",
            {"drop": ["conversion", "spend"]},
            0.6414,
            0.4013,
        ),
        (
            "hillstrom/hillstrom-email.csv.gz",
            "visit=1",
            {"drop": ["conversion", "spend"], "action": "segment"},
            0.6414,
            0.4013,
        ),
    ],
    ids=["churn", "e-mail", "e-mail by arm"],
)
def test_real_data_reach_the_best_figures_known(
    file: str, target: str, options: dict[str, Any], auc: float, loss: float
) -> None:
    report: Report = backtest(past(read_table(DATA / file), target, **options))
    assert report.auc >= auc
    assert report.log_loss <= loss


def test_the_action_cannot_be_the_target() -> None:
    with pytest.raises(InvalidInput, match="--action: 'answer' is the column of --target"):
        past(campaign(), "answer=yes", action="answer")


def test_where_no_column_is_left_each_says_why() -> None:
    table = campaign().with_columns(plan=pl.lit("S"))
    with pytest.raises(InvalidInput) as refused:
        past(table, "answer=yes", drop=["age", "offer"])
    assert str(refused.value) == (
        "--drop: no column is left to learn from."
        " Left out, because it is different for almost everybody: 'customer'."
        " Left out, because there is one value only: 'plan'. Dropped: age, offer."
    )
