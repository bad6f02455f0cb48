"""Columns of two books in one frame, each as its book declares it."""

import polars as pl

from engine.comparison.layout import Layout
from engine.comparison.outlook import Batch, Outlook, Visit
from engine.model import ActionId, PlacementId
from engine.rulebook.load import Loaded, load
from tests.rulebook.builders import ACTIONS, POLICIES, book, files

AT = PlacementId("web.hero")


def laid_out(given: pl.DataFrame, old: dict[str, object], new: dict[str, object]) -> pl.DataFrame:
    layout = Layout.of(book(attributes=old), book(attributes=new))
    return layout.filled(given.with_columns(pl.lit(0, pl.Int64).alias("now")))


def test_what_both_declare_alike_is_one_column() -> None:
    frame = laid_out(pl.DataFrame({"customer.age": [17, None]}), {}, {})
    assert frame["customer.age"].to_list() == [17, None]
    assert not [name for name in frame.columns if "(" in name]


def test_each_book_has_its_own_default() -> None:
    given = pl.DataFrame({"customer.age": [17, None]})
    frame = laid_out(given, {}, {"customer.age": {"type": "int", "default": 30}})
    assert frame["customer.age (old)"].to_list() == [17, None]
    assert frame["customer.age (new)"].to_list() == [17, 30]


def test_a_value_of_another_type_counts_as_missing() -> None:
    given = pl.DataFrame({"telco.contract_end": [17]})
    frame = laid_out(given, {}, {"telco.contract_end": {"type": "string", "default": "?"}})
    assert frame["telco.contract_end (old)"].to_list() == [17]
    assert frame["telco.contract_end (new)"].to_list() == ["?"]


def test_what_a_request_says_wins() -> None:
    layout = Layout.of(book(), book())
    given = pl.DataFrame({"customer.age": [17], "now": [0]})
    frame = layout.filled(given, {"customer.age": 40, "consent.channels": ("web",)})
    assert frame["customer.age"].to_list() == [40]
    assert frame["consent.channels"].to_list() == [["web"]]


def everybody(count: int) -> Batch:
    frame = pl.DataFrame(
        {
            "customer.age": pl.Series([30] * count, dtype=pl.Int64),
            "consent.marketing": pl.Series([True] * count, dtype=pl.Boolean),
            "consent.channels": pl.Series([["web"]] * count, dtype=pl.List(pl.String)),
            "now": pl.Series([0] * count, dtype=pl.Int64),
        }
    )
    return Batch(pl.Series(["x"] * count, dtype=pl.String), frame, [Visit("web", (AT,))])


def test_a_placement_only_one_book_has() -> None:
    moved = files(
        policies=POLICIES.replace("web.hero", "web.top"),
        actions=ACTIONS.replace("web.hero", "web.top"),
    )
    ((at, before, after),) = Outlook(load(files()), load(moved)).sights(everybody(2))
    assert at == AT
    assert before.passing[ActionId("stay")].all()
    assert (before.shown[:, 0] >= 0).all()
    assert after.passing == {}
    assert after.shown.shape == (2, 0)


def test_nobody() -> None:
    same: Loaded = load(files())
    ((_, before, after),) = Outlook(same, same).sights(everybody(0))
    assert len(before.shown) == len(after.shown) == 0
