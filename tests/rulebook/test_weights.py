"""Context weights that could turn a priority negative are found, those that exclude each other are not."""

import pytest

from engine.rulebook.load import load
from tests.rulebook.builders import action, book, files


def weight(when: str, percent: int | str, **target: str) -> dict[str, object]:
    return {"when": when, "weight": percent, **target}


def errors(*weights: dict[str, object]) -> list[str]:
    policies = {"arbitration": {"context_weights": list(weights)}}
    made = files(policies=policies, actions=[action("a"), action("b", group="save")])
    return [one.message for one in load(made).diagnostics if one.severity == 1]


BILL, MOVE = 'request.reason == "bill"', 'request.reason == "move"'


@pytest.mark.parametrize(
    ("weights", "total"),
    [
        ([weight("customer.complaint_open", -60), weight(BILL, -50)], -110),
        ([weight(BILL, -60), weight(f"{BILL} && customer.age > 3", -50)], -110),
        ([weight(BILL, -60), weight('request.reason in ["bill", "fee"]', -50)], -110),
        ([weight("customer.age > 3", -60, issue="grow"), weight(BILL, -50, action="a")], -110),
        ([weight("true", "-30 * 2"), weight("true", -50), weight("true", 900)], -110),
    ],
)
def test_too_much_taken_away_at_once_is_an_error(
    weights: list[dict[str, object]], total: int
) -> None:
    (message,) = errors(*weights)
    assert message.startswith(
        f"the context weights that can apply to a at once add up to {total} %"
    )


@pytest.mark.parametrize(
    "weights",
    [
        [weight(BILL, -60), weight(MOVE, -60)],
        [weight(BILL, -60), weight('request.reason in ["move", "fee"]', -60)],
        [weight("customer.complaint_open", -60), weight("!customer.complaint_open", -60)],
        [weight("has(customer.name)", -60), weight("!has(customer.name)", -60)],
        [weight(BILL, -60, issue="grow"), weight(BILL, -60, issue="retain")],
        [weight(BILL, -60), weight(BILL, -40)],
        [weight(BILL, -60), weight(BILL, 60)],
    ],
)
def test_what_cannot_add_up_to_that_is_none(weights: list[dict[str, object]]) -> None:
    assert errors(*weights) == []


def test_a_weight_that_can_never_apply_is_the_only_mistake() -> None:
    (message,) = errors(weight(f"{BILL} && {MOVE}", -60), weight(BILL, -60))
    assert message == f"'{MOVE}' is never true together with '{BILL}'"


def test_a_number_that_reads_nothing_is_worked_out_once() -> None:
    number = book(actions=[action("a", value="40 / 2 + 1.5")]).actions[0].value
    assert (number.constant, number.expression, number.text) == (21.5, None, "40 / 2 + 1.5")
