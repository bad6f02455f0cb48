from pathlib import Path

import polars as pl
import pytest

from engine.backtest.table import read_table
from engine.errors import InvalidInput
from engine.evaluation.context import MOST_FEATURES, encoded
from engine.evaluation.mapping import PRESETS, Columns, columns_for
from engine.evaluation.reading import Reading, read_log
from engine.imports.mapping import MappingMistakes

COLUMNS = Columns("action", "reward", "probability")


def table(**columns: list[object]) -> pl.DataFrame:
    """Three choices, filled in where a test does not care."""
    filled: dict[str, list[object]] = {
        "action": ["b", "a", "b"],
        "reward": [1, 0, 0],
        "probability": [0.5, 0.25, 1],
    }
    return pl.DataFrame(filled | columns, strict=False)


def read(columns: Columns = COLUMNS, **given: list[object]) -> Reading:
    return read_log(table(**given), columns)


def test_a_table_becomes_a_log() -> None:
    log = read().log
    assert log.names == ("a", "b")
    assert log.actions.tolist() == [1, 0, 1]
    assert log.rewards.tolist() == [1.0, 0.0, 0.0]
    assert log.probabilities.tolist() == [0.5, 0.25, 1.0]
    assert log.units.tolist() == [0, 1, 2]
    assert log.candidates is None


def test_a_csv_is_text_and_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("action,reward,probability\n10,true,0.5\n9,false,2.5e-1\n10,No,1\n")
    log = read_log(read_table(path), COLUMNS).log
    assert log.names == ("9", "10")
    assert log.rewards.tolist() == [1.0, 0.0, 0.0]
    assert log.probabilities.tolist() == [0.5, 0.25, 1.0]


def test_rows_that_lack_something_are_skipped_and_told() -> None:
    reading = read(reward=[1, None, 0])
    assert len(reading.log) == 2
    assert reading.remarks == ("1 rows without action, reward and probability were skipped.",)


def test_customers_are_units_and_the_nameless_stand_alone() -> None:
    columns = Columns("action", "reward", "probability", customer="who")
    units = read(columns, who=["ann", None, "ann"]).log.units
    assert units[0] == units[2] != units[1]
    nameless = read(columns, who=[None, None, "1"]).log.units
    assert len(set(nameless.tolist())) == 3


@pytest.mark.parametrize("offered", [["a; b", "a;b;c", "b"], [["a", "b"], ["a", "b", "c"], ["b"]]])
def test_candidates_are_lists_or_words(offered: list[object]) -> None:
    log = read(
        Columns("action", "reward", "probability", candidates="offered"), offered=offered
    ).log
    assert log.names == ("a", "b", "c")
    assert log.candidates is not None
    assert log.candidates.astype(int).tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 0]]


def test_actions_may_be_declared_that_the_log_never_shows() -> None:
    columns = Columns("action", "reward", "probability", actions=("z",))
    assert read(columns).log.names == ("a", "b", "z")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"probability": [0.5, 1.5, 0.0]}, r"'1.5' in row 2 \(and 1 more\) is no probability"),
        ({"reward": ["1", "much", "0"]}, "reward: 'much' in row 2 is no number"),
        ({"reward": [1.0, float("nan"), 0.0]}, "'nan' in row 2 is no number"),
        ({"reward": [None, None, None]}, "no row has all of"),
        ({"offered": ["b", "b", "b"]}, "'a' in row 2 was chosen, but is not among what could be"),
        ({"offered": [1, 2, 3]}, "offered: is no list of actions"),
    ],
)
def test_what_makes_no_log_is_refused(columns: dict[str, list[object]], message: str) -> None:
    mapping = Columns(
        "action", "reward", "probability", candidates="offered" if "offered" in columns else ""
    )
    with pytest.raises(InvalidInput, match=message):
        read(mapping, **columns)


# --- context ------------------------------------------------------------------------------------


def test_numbers_are_put_on_one_scale_and_outliers_tamed() -> None:
    matrix, names = encoded(pl.DataFrame({"spend": [0.0, 1.0, None] * 100 + [1e9]}), ["spend"])
    assert names == ("spend",)
    assert abs(matrix).max() == 4.0
    assert matrix[2, 0] == 0.0


def test_frequent_categories_are_flags_and_rare_ones_none() -> None:
    plans = ["S"] * 150 + ["M"] * 49 + ["XL"]
    matrix, names = encoded(pl.DataFrame({"plan": plans}), ["plan"])
    assert set(names) == {"plan = S", "plan = M"}
    assert matrix.std(axis=0) == pytest.approx(1.0)


def test_lists_are_flags_by_word() -> None:
    consents = [["web", "app"], ["web"], [], None] * 10
    _, names = encoded(pl.DataFrame({"consent": consents}), ["consent"])
    assert set(names) == {"consent has web", "consent has app"}


def test_the_rarest_are_left_out_where_there_are_too_many() -> None:
    wide = pl.DataFrame({f"n{at}": [float(at), 0.0, 1.0, None] for at in range(2, 50)})
    matrix, names = encoded(wide, wide.columns)
    assert matrix.shape == (4, MOST_FEATURES)
    assert len(names) == MOST_FEATURES


def test_a_column_that_says_nothing_is_left_out() -> None:
    matrix, names = encoded(pl.DataFrame({"one": ["x", "x"]}), ["one"])
    assert matrix.shape == (2, 0)
    assert names == ()


# --- mappings -----------------------------------------------------------------------------------


def test_presets_are_found_out_by_their_columns() -> None:
    header = ["", "item_id", "click", "propensity_score", "position", "user_feature_0", "timestamp"]
    columns = columns_for(header, "")
    assert columns == PRESETS["obd"]
    assert columns.context_among(header) == ["user_feature_0"]
    assert columns_for(["action", "reward", "probability"], "") == COLUMNS


def test_all_other_columns_are_context_by_default() -> None:
    assert COLUMNS.context_among(["age", "action", "reward", "probability"]) == ["age"]


def test_a_mapping_file(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(
        "action: offer\nreward: sold\nprobability: p\nslot: place\ncontext: [a*]\nactions: [x, 7]\n"
    )
    columns = columns_for(["offer", "sold", "p", "place", "age", "b"], str(path))
    assert columns == Columns(
        "offer", "sold", "p", slot="place", context=("a*",), actions=("x", "7")
    )


def test_a_probability_may_be_the_same_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("{action: action, reward: reward, probability: 1/3}\n")
    mail = table().drop("probability")
    log = read_log(mail, columns_for(mail.columns, str(path))).log
    assert log.probabilities.tolist() == [1 / 3] * 3
    assert log.context.shape == (3, 0)


def test_a_mapping_file_with_mistakes_is_refused_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("action: offer\nrewrad: sold\nprobability: p\n")
    with pytest.raises(MappingMistakes, match=r"map.yaml:2:1: .*Did you mean 'reward'\?"):
        columns_for(["offer", "sold", "p"], str(path))


@pytest.mark.parametrize(
    ("header", "wanted", "message"),
    [
        (["offer", "sold"], "", "which column is the action"),
        (["item_id", "clicks"], "obd", "no column 'click'. Did you mean 'clicks'"),
        (["action"], "nowhere.yaml", "'nowhere.yaml' cannot be read"),
    ],
)
def test_columns_that_are_not_there(header: list[str], wanted: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        columns_for(header, wanted)
