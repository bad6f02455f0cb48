from typing import Any

import polars as pl
import pytest

from engine.errors import InvalidInput
from engine.uplift.campaign import campaign, held_out
from tests.uplift.world import constant, promotion


def table(**columns: list[Any]) -> pl.DataFrame:
    """Eight customers of two arms; `columns` replace or add some."""
    made: dict[str, list[Any]] = {
        "age": ["20", "30", "40", "50", "20", "30", "40", "50"],
        "plan": ["S", "M"] * 4,
        "promotion": ["Yes", "Yes", "Yes", "Yes", "No", "No", "No", "No"],
        "purchase": ["1", "0", "1", "0", "0", "0", "0", "1"],
    }
    return pl.DataFrame(made | columns)


ARMS = ["mail", "mail", "mail", "call", "call", "No mail", "No mail", "No mail"]


def test_features_are_neither_the_target_nor_the_treatment() -> None:
    learned = campaign(table(), "purchase=1", "promotion=Yes", drop=["age"])
    assert learned.schema.names == ("plan",)
    assert learned.trial.treated.tolist() == [True] * 4 + [False] * 4
    assert learned.trial.outcomes.tolist() == [1, 0, 1, 0, 0, 0, 0, 1]


def test_of_several_arms_the_one_that_says_no_is_control() -> None:
    learned = campaign(table(promotion=ARMS), "purchase=1", "promotion=mail")
    assert learned.trial.treated.tolist() == [True, True, True, False, False, False]
    assert learned.remarks == ("Control is promotion 'No mail'; left out, being neither: call.",)


def test_if_no_arm_says_no_everybody_else_is_control() -> None:
    arms = ["mail", "mail", "call", "call", "sms", "sms", "sms", "mail"]
    learned = campaign(table(promotion=arms), "purchase=1", "promotion=mail")
    assert learned.trial.treated.sum() == 3
    assert len(learned.rows) == 8
    assert learned.remarks == (
        "Control is everybody else: sms, call. Name one value with --control.",
    )


def test_control_may_be_named() -> None:
    arms = ["mail", "mail", "mail", "call", "call", "No mail", "No mail", "call"]
    learned = campaign(table(promotion=arms), "purchase=1", "promotion=mail", control="call")
    assert len(learned.rows) == 6


def test_rows_of_no_arm_or_without_a_target_are_skipped_and_counted() -> None:
    torn = table(
        promotion=["Yes", None, "Yes", "Yes", "No", "No", "No", "No"],
        purchase=["1", "0", "1", "0", "0", None, "0", "1"],
    )
    learned = campaign(torn, "purchase=1", "promotion=Yes")
    assert len(learned.rows) == len(learned.trial.treated) == 6
    assert learned.remarks[:2] == (
        "1 rows without promotion were skipped.",
        "1 rows without purchase were skipped.",
    )


@pytest.mark.parametrize(
    ("target", "treatment", "options", "message"),
    [
        ("purchase=1", "promotion", {}, "--treatment: 'promotion' is not COLUMN=VALUE"),
        ("purchase=1", "promo=Yes", {}, "there is no column 'promo'"),
        ("purchase=1", "promotion=yes", {}, "promotion is never 'yes'. Did you mean 'Yes'?"),
        ("purchase=1", "purchase=1", {}, "it cannot be both"),
        ("purchase", "promotion=Yes", {}, "--target: 'purchase' is not COLUMN=VALUE"),
        ("purchase=2", "promotion=Yes", {}, "purchase is never '2'"),
        ("purchase=1", "promotion=Yes", {"control": "Yes"}, "--control: 'Yes' is the value of"),
        ("purchase=1", "promotion=Yes", {"control": "Nope"}, "--control: promotion is never"),
        ("purchase=1", "promotion=Yes", {"drop": ["age", "plan"]}, "no column is left"),
    ],
)
def test_mistakes_are_met_with_what_there_is(
    target: str, treatment: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        campaign(table(), target, treatment, **options)
    assert message in str(refused.value)


def test_without_a_second_arm_nothing_can_be_learned() -> None:
    with pytest.raises(InvalidInput, match="promotion is 'Yes' in every row"):
        campaign(table(promotion=["Yes"] * 8), "purchase=1", "promotion=Yes")


def test_an_arm_without_any_target_is_refused() -> None:
    unknown = table(purchase=["1", "0", "1", "0", None, None, None, None])
    with pytest.raises(InvalidInput, match="no row with a target was left alone"):
        campaign(unknown, "purchase=1", "promotion=Yes")


def test_held_out_customers_are_understood_as_the_others() -> None:
    learned = campaign(table(), "purchase=1", "promotion=Yes")
    later = table(age=["7", "30", "", "50", "20", "30", "40", "50"], plan=["XL", "M"] * 4)
    others = held_out(learned, later.with_columns(pl.col("age").replace("", None)), "later.csv")
    assert others.rows[0] == (7.0, "XL")
    assert others.rows[2] == (None, "XL")
    assert others.trial.treated.tolist() == learned.trial.treated.tolist()


def test_nothing_about_the_model_depends_on_held_out_customers() -> None:
    world = promotion(constant(0.05), customers=200)
    learned = campaign(world.table, "purchase=1", "promotion=Yes")
    before = (learned.schema, list(learned.rows))
    held_out(learned, promotion(constant(0.05), customers=50, seed=2).table, "later.csv")
    assert (learned.schema, list(learned.rows)) == before


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (table().drop("age"), "later.csv has no column 'age'"),
        (table().drop("promotion"), "later.csv has no column 'promotion'"),
        (table(age=["old"] * 8), "'age' was learned as a number"),
        (table(promotion=["Yes"] * 8), "no row with a target was left alone"),
        (table(promotion=["No"] * 8), "promotion is never 'Yes'"),
        (table(age=[["a"]] * 8), "'age' is of another type in later.csv"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(later: pl.DataFrame, message: str) -> None:
    learned = campaign(table(), "purchase=1", "promotion=Yes")
    with pytest.raises(InvalidInput) as refused:
        held_out(learned, later, "later.csv")
    assert str(refused.value).startswith("--test: ")
    assert message in str(refused.value)
