from pathlib import Path

import pytest

from engine.imports.mapping import MappingMistakes, map_by_name, read_map
from engine.imports.plan import BadRow, ImportPlan, Rejection, needs_id, settle
from engine.imports.table import Row
from tests.imports.declared import DECLARED

HEADER = ("key", "Age", "Plan", "Yes?", "Via")
MAPPING = """
id: key
columns:
  Age: {to: customer.age, blank: error}
  Plan: {to: telco.plan, values: {small: S, large: L}}
  Yes?: consent.marketing
constants: {consent.channels: [web]}
ignore: [Via]
"""


def settled(tmp_path: Path, mapping: str = MAPPING, header: tuple[str, ...] = HEADER) -> ImportPlan:
    path = tmp_path / "map.yaml"
    path.write_text(mapping)
    return settle(read_map(path), header, DECLARED)


def mistakes(tmp_path: Path, mapping: str, header: tuple[str, ...] = HEADER) -> list[str]:
    with pytest.raises(MappingMistakes) as caught:
        settled(tmp_path, mapping, header)
    return [f"{m.line}:{m.column}: {m.message}" for m in caught.value.mistakes]


def test_a_row_becomes_a_customer(tmp_path: Path) -> None:
    customer = settled(tmp_path).customer(Row(2, ["c1", "40", "small", "no", "?"]))
    assert customer.customer_id == "c1"
    assert customer.attributes["customer.age"].int_value == 40
    assert customer.attributes["telco.plan"].string_value == "S"
    assert customer.attributes["consent.marketing"].WhichOneof("kind") == "bool_value"
    assert list(customer.attributes["consent.channels"].string_list.values) == ["web"]
    assert len(customer.attributes) == 4


def test_a_blank_cell_says_nothing_unless_that_is_an_error(tmp_path: Path) -> None:
    plan = settled(tmp_path)
    customer = plan.customer(Row(2, ["c1", "40", "  ", "", ""]))
    assert set(customer.attributes) == {"customer.age", "consent.channels"}
    with pytest.raises(BadRow) as caught:
        plan.customer(Row(3, ["c1", "", "small", "", ""]))
    assert caught.value.rejections == (Rejection(3, "Age", "", "must not be blank"),)


def test_every_bad_cell_of_a_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRow) as caught:
        settled(tmp_path).customer(Row(7, [" ", "forty", "huge", "maybe", ""]))
    assert [(r.number, r.column, r.value) for r in caught.value.rejections] == [
        (7, "key", ""),
        (7, "Age", "forty"),
        (7, "Plan", "huge"),
        (7, "Yes?", "maybe"),
    ]


def test_a_row_that_cannot_be_read_is_named_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(BadRow) as caught:
        settled(tmp_path).customer(Row(7, ["c1"], "has 1 cells, but the header has 5"))
    assert caught.value.rejections == (Rejection(7, "", "", "has 1 cells, but the header has 5"),)


def test_columns_nobody_speaks_of_are_told(tmp_path: Path) -> None:
    assert settled(tmp_path).left_out == ()
    assert settled(tmp_path, header=(*HEADER, "Shoe")).left_out == ("Shoe",)


def test_names_that_do_not_exist_come_with_a_suggestion(tmp_path: Path) -> None:
    mapping = "id: kee\ncolumns:\n  age: customer.age\n  Plan: telco.plam\nignore: [Vya]\n"
    assert mistakes(tmp_path, mapping) == [
        "1:5: the table has no column 'kee'. Did you mean 'key'?",
        "3:3: the table has no column 'age'. Did you mean 'Age'?",
        "4:9: the rule book declares no attribute 'telco.plam'. Did you mean 'telco.plan'?",
        "5:10: the table has no column 'Vya'. Did you mean 'Via'?",
    ]


def test_values_are_checked_before_any_row_is_read(tmp_path: Path) -> None:
    mapping = (
        "id: key\ncolumns:\n  Plan: {to: telco.plan, values: {small: s}}\n"
        "  Age: {to: customer.age, values: {forty: 4x}}\n"
        "constants: {consent.channels: [web, pigeon], consent.marketing: perhaps}\n"
    )
    assert mistakes(tmp_path, mapping) == [
        "3:42: 's' is not a value of telco.plan (S, M, L). Did you mean 'S'?",
        "4:43: '4x' must be a whole number: customer.age is a int",
        "5:13: 'pigeon' is not a value of consent.channels (web, ivr).",
        "5:46: 'perhaps' must be true or false (or yes and no, or 1 and 0): consent.marketing is a bool",
    ]


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("request.reason", "request.reason is filled at each request and cannot be imported"),
        ("now", "now is filled at each request and cannot be imported"),
        ("events.calls", "events.calls is counted from events and cannot be imported"),
        ("usage.by_month", "usage.by_month is a map(string,double): no cell can hold that"),
    ],
)
def test_some_attributes_cannot_be_imported(tmp_path: Path, attribute: str, said: str) -> None:
    assert mistakes(tmp_path, f"id: key\ncolumns: {{Age: {attribute}}}\n") == [f"2:16: {said}"]


def test_the_column_of_an_attribute_is_known(tmp_path: Path) -> None:
    plan = settled(tmp_path)
    assert plan.column_of("telco.plan") == ("Plan", 2)
    assert plan.column_of("consent.channels") == ("constants: consent.channels", None)


def test_without_a_mapping_there_must_be_an_id() -> None:
    assert needs_id(("customer_id", "customer.age")) == ""
    assert "--map FILE" in needs_id(("customerID", "customer.age"))
    header = ("customer_id", "customer.age", "shoe")
    plan = settle(map_by_name(header, ["customer.age"]), header, DECLARED)
    assert plan.left_out == ("shoe",)
    assert plan.customer(Row(2, ["c1", "4", "x"])).attributes["customer.age"].int_value == 4
