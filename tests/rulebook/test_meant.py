"""What is written as in a spreadsheet, a letter or another language is told how it is written here."""

import pytest

from engine.rulebook.load import load
from tests.rulebook.builders import action, files

FLOW = "actions: [{id: a, title: a, group: bundles, lever: 0,2, value: 1, treatments: []}]"


def messages(**changes):
    return [one.message for one in load(files(**changes)).diagnostics]


@pytest.mark.parametrize(
    ("condition", "advice"),
    [
        ("now > 2026-12-01", "a day is written date('2026-12-01')"),
        ("now > date(2026-12-01)", "a day stands in quotes: date('2026-12-01')"),
        ("request.channel == ['web', 'ivr']", "write x in ['a', 'b']"),
        ("request.channel contains 'w'", "write x.contains('...')"),
        ("customer.age > 1.000,50", "write 1000.50"),
    ],
)
def test_conditions(condition, advice):
    [said] = messages(actions=[action("a", eligible_when={"x": condition})])
    assert said.endswith(advice)


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        ({"valid": {"from": "01.11.2026"}}, "write 2026-11-01"),
        ({"valid": {"from": "2026-11-31"}}, "there is no such day"),
        ({"valid": {"from": "2026-11-01", "timezone": "Lisbon"}}, "Did you mean 'Europe/Lisbon'?"),
        (
            {"valid": {"from": "2026-11-01", "timezone": "CEST"}},
            "Name a city, as in Europe/Dublin.",
        ),
        ({"contact_policies": "rest"}, "write [rest]"),
    ],
)
def test_values(keys, advice):
    assert any(said.endswith(advice) for said in messages(actions=[action("a", **keys)]))


@pytest.mark.parametrize(
    ("between", "advice"), [("9pm", 'write "21:00"'), ("8:00", 'write "08:00"')]
)
def test_times_of_the_day(between, advice):
    quiet = {"between": [between, "07:00"], "timezone": "Europe/Dublin"}
    [said] = messages(policies={"contact_policies": {"quiet": quiet}})
    assert said.endswith(advice)


def test_a_comma_in_a_number_between_braces_is_told_once_for_each_reading():
    said = messages(actions=FLOW)
    assert "expected a number, found '0,2': write 0.2" in said
    assert any(
        one.endswith("write a number without one, put a text in quotes: '0,2'") for one in said
    )
    assert not any("is a key" in one for one in said)


def test_a_default_purpose_that_is_none_is_one_mistake_and_not_one_for_every_action():
    consents = {"purposes": {"marketing": "consent.marketing"}, "default": "marketting"}
    found = load(files(policies={"consents": consents})).errors
    assert [one.message for one in found] == [
        "unknown purpose 'marketting'. Did you mean 'marketing'?"
    ]
