"""What is declared sensitive or protected decides nothing: no condition, number, text or model reads it."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.features import FeatureSchema
from engine.rulebook.load import load
from tests.rulebook.builders import ATTRIBUTES, POLICIES, action, book, files

GENDER = (
    "  customer.gender: {type: string, values: [f, m], nullable: true, sensitivity: sensitive}\n"
)
OLD = "  customer.old: {type: bool, default: false, sensitivity: protected}\n"
DECLARED = ATTRIBUTES + GENDER + OLD
SAID = "'customer.gender' is sensitive (attributes.yaml): no condition, number, text or model may use it"


def headline(text: str) -> dict[str, Any]:
    return {"treatments": [{"id": "t", "placement": "web.hero", "texts": {"headline": text}}]}


def errors(keys: Mapping[str, Any], policies: str = POLICIES) -> list[str]:
    made = files(attributes=DECLARED, policies=policies, actions=[action("a", **keys)])
    return [f"{d.column} {d.message}" for d in load(made).diagnostics if d.severity == 1]


@pytest.mark.parametrize(
    "keys",
    [
        {"eligible_when": {"x": "customer.gender == null"}},
        {"eligible_when": {"x": "true && customer . gender != null"}},
        {"applicable_when": {"x": "has(customer.gender)"}},
        {"suitable_when": {"x": "[1].exists(n, customer.gender == null)"}},
        {"value": "customer.gender == null ? 1 : 2"},
        {**headline("Dear {customer.gender}")},
    ],
)
def test_using_it_is_an_error_where_it_is_used(keys: dict[str, Any]) -> None:
    (error,) = errors(keys)
    column, _, message = error.partition(" ")
    assert message == SAID
    written = files(actions=[action("a", **keys)])["actions/all.yaml"].decode()
    assert written[int(column) - 1 :].removeprefix("{").startswith("customer")


def test_each_use_is_reported() -> None:
    twice = {"eligible_when": {"x": "customer.old || customer.gender == null || customer.old"}}
    assert len(errors(twice)) == 3


def test_a_model_that_names_it_is_an_error() -> None:
    models = "models: {default: {features: [customer.*, customer.gender, 'customer.gend*']}}\n"
    found = errors({}, POLICIES + models)
    assert [error.partition(" ")[2] for error in found] == [SAID, SAID]


def test_a_pattern_passes_it_over() -> None:
    made = book(attributes=DECLARED, policies={"models": {"default": {"features": ["customer.*"]}}})
    assert FeatureSchema.for_book(made).names == (
        "customer.age",
        "customer.name",
        "customer.segment",
        "customer.complaint_open",
    )
