from pathlib import Path

import pytest

from engine.imports.mapping import MappingMistakes, map_by_name, read_map

ROOT = Path(__file__).parents[2]


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(MappingMistakes) as caught:
        read_map(path)
    return [f"{m.line}:{m.column}: {m.message}" for m in caught.value.mistakes]


def test_the_example_is_read() -> None:
    mapping = read_map(ROOT / "examples" / "telco-import.yaml")
    rules = {rule.column: rule for rule in mapping.columns}
    assert mapping.id_column == "customerID"
    assert rules["tenure"].attribute == "customer.tenure_months"
    assert rules["InternetService"].values is not None
    assert rules["InternetService"].values["No"][1] == "none"
    assert rules["TotalCharges"].blank == "missing"
    assert mapping.constants["consent.channels"][1] == (
        "web",
        "app",
        "ivr",
        "agent",
        "sms",
        "email",
    )
    assert list(mapping.ignore) == ["Churn"]


def test_each_column_may_say_how_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(
        "id: key\nblank: error\ncolumns:\n"
        '  Born: {to: customer.birth_date, format: "%d.%m.%Y", blank: missing}\n'
        '  Via: {to: consent.channels, split: "|"}\n'
    )
    born, via = read_map(path).columns
    assert (born.format, born.blank) == ("%d.%m.%Y", "missing")
    assert (via.split, via.blank) == ("|", "error")


def test_every_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        "columns:\n"
        "  a: customer.age\n"
        "  b: {to: customer.age, vals: {x: y}}\n"
        "  c: 5\n"
        "blanks: missing\n"
        "blank: maybe\n"
        "constants: {customer.age: 4}\n"
        "ignore: Churn\n",
    )
    assert found == [
        "1:1: an import mapping needs the key 'id'",
        "3:11: customer.age is filled already, by column 'a'",
        "3:25: unknown key 'vals' in column 'b'. Did you mean 'values'?",
        "4:6: expected text, found the number 5: put it in quotes",
        "5:1: unknown key 'blanks' in an import mapping. Did you mean 'blank'?",
        "6:8: 'maybe' is no meaning of a blank cell (missing, error).",
        "7:13: customer.age is filled already, by column 'a'",
        "8:9: expected a list like [a, b], found 'Churn'",
    ]


def test_yaml_that_cannot_be_read_is_a_mistake_too(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "id: {a\n") == ["1:5: the '{' opened here is never closed with '}'"]


def test_without_a_mapping_names_say_it_all() -> None:
    mapping = map_by_name(["customer_id", "customer.age", "shoe"], ["customer.age", "telco.plan"])
    assert mapping.id_column == "customer_id"
    assert [rule.attribute for rule in mapping.columns] == ["customer.age"]
