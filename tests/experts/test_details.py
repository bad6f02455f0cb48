from typing import Any

import numpy as np
import orjson

from engine.experts.binning.loops import binning_loops
from engine.experts.details import MOST_VALUES, Details, DetailView
from engine.experts.panel import Panel
from engine.features import Feature, FeatureKind, FeatureSchema

SCHEMA = FeatureSchema(
    (
        Feature("customer.age", FeatureKind.NUMBER),
        Feature("web.site", FeatureKind.CATEGORY),
        Feature("telco.plan", FeatureKind.CATEGORY, ("S", "M")),
    )
)


def details_of(panel: Panel) -> Details:
    return Details(panel, binning_loops())


def numbers_of(row: tuple[Any, ...]) -> Any:
    """The age, where a row has one."""
    return np.array(row[:1] if len(row) == 3 else (), dtype=np.float64)


def encoded(view: DetailView, *row: Any) -> list[int]:
    columns: list[int] = view.encode(row, numbers_of(row)).tolist()
    return columns


def seen(view: DetailView, *rows: tuple[Any, ...]) -> list[list[int]]:
    """The details of each row when it is learned."""
    columns = []
    for lesson, row in enumerate(rows):
        view.meet(row)
        columns.append(encoded(view, *row))
        view.learn_one(numbers_of(row), lesson)
    return columns


def test_each_value_of_an_open_category_has_a_column_of_its_own() -> None:
    view = details_of(Panel()).of(SCHEMA)
    sites = [f"site{n}" for n in range(500)]
    columns = seen(view, *[(None, site, "S") for site in sites])
    assert len({column for (column,) in columns}) == 500


def test_a_value_keeps_its_column_while_others_come_and_go() -> None:
    view = details_of(Panel()).of(SCHEMA)
    (first,), *_, (again,) = seen(view, (None, "a", "S"), (None, "b", "S"), (None, "a", "M"))
    assert again == first


def test_asking_for_a_value_never_seen_makes_no_column() -> None:
    panel = Panel()
    view = details_of(panel).of(SCHEMA)
    assert encoded(view, *(None, "new", "S")) == []
    assert panel.details == 0


def test_values_beyond_the_most_share_the_buckets_all_rows_have() -> None:
    panel = Panel()
    view = details_of(panel).of(SCHEMA)
    for n in range(MOST_VALUES + 50):
        view.meet((None, f"site{n}", None))
    assert panel.details == MOST_VALUES
    assert encoded(view, *(None, f"site{MOST_VALUES + 49}", None)) == []


def test_what_is_missing_or_no_number_has_no_detail() -> None:
    view = details_of(Panel()).of(SCHEMA)
    seen(view, *[(float(n), "a", "S") for n in range(100)])
    assert encoded(view, *(None, None, None)) == []
    assert encoded(view, *(float("nan"), None, None)) == []
    assert encoded(view, *(float("inf"), None, None)) == []
    assert encoded(view, *(1e300, None, None)) == encoded(view, *(99.0, None, None))


def test_schemas_share_the_details_of_features_of_one_name() -> None:
    details = details_of(Panel())
    other = details.of(FeatureSchema((Feature("web.site", FeatureKind.CATEGORY),)))
    ((column,),) = seen(details.of(SCHEMA), (None, "a", "S"))
    assert encoded(other, "a") == [column]
    assert other.owners() == {column: 0}


def test_no_value_is_kept_in_words() -> None:
    details = details_of(Panel())
    seen(details.of(SCHEMA), (30.0, "secret.example", "S"))
    assert b"secret" not in orjson.dumps(details.state())


def test_restored_details_go_on_alike() -> None:
    rows = [(float(n * n % 83), f"site{n % 7}", "S") for n in range(300)]
    kept, panel = details_of(Panel()), Panel()
    seen(kept.of(SCHEMA), *rows)
    restored = details_of(panel)
    restored.restore(orjson.loads(orjson.dumps(kept.state())))
    panel.details = max(kept.of(SCHEMA).owners()) + 1
    assert seen(restored.of(SCHEMA), *rows) == seen(kept.of(SCHEMA), *rows)
    assert restored.state() == kept.state()
