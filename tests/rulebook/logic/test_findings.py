"""What `attune check` says of conditions that cannot be met, or that do nothing; and what it does not say."""

from pathlib import Path
from typing import Any

import pytest

from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load
from engine.rulebook.times import moment_of
from tests.rulebook.builders import action, files

ATTRIBUTES = {
    "x.n": {"type": "int", "default": 0},
    "x.d": {"type": "double", "default": 0},
    "x.b": {"type": "bool", "default": False},
    "x.born": {"type": "timestamp", "nullable": True},
}
RULES = Path(__file__).parents[3] / "rules"


def said(text: str) -> list[str]:
    """What is said of a condition: severity, column within it, message."""
    made = [action("a", eligible_when={"x": text})]
    content = files(actions=made, attributes=ATTRIBUTES)["actions/all.yaml"].decode()
    loaded = load(files(actions=made, attributes=ATTRIBUTES))
    begin = content.index('"eligible_when": {"x": "') + len('"eligible_when": {"x": "')
    return [f"{d.severity.name} {d.column - begin}: {d.message}" for d in loaded.diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("customer.age > 200", "ERROR 16: customer.age is never greater than 200: it is 0 to 130"),
        ("x.b || customer.age > 200", "ERROR 23: customer.age is never greater than 200: it is 0 to 130"),
        ("customer.age != 131", "ERROR 17: customer.age is never 131: it is 0 to 130"),
        ("customer.age in [18, 180]", "ERROR 22: customer.age is never 180: it is 0 to 130"),
        ("200 < customer.age", "ERROR 1: customer.age is never greater than 200: it is 0 to 130"),
        ("x.n == 2.5", "ERROR 8: x.n is never 2.5: it is a whole number"),
        ("now.getMonth() == 12", "ERROR 19: getMonth() is never 12: it is 0 to 11"),
        ("size(customer.name) < 0", "ERROR 23: size() is never less than 0: it is at least 0"),
        ("x.n > 5 && x.n < 3", "ERROR 12: 'x.n < 3' is never true together with 'x.n > 5'"),
        ("(x.n > 5) && x.b && (x.n < 3)", "ERROR 22: 'x.n < 3' is never true together with 'x.n > 5'"),
        ("x.b && !x.b", "ERROR 8: '!x.b' is never true together with 'x.b'"),
        ("has(x.born) && x.born == null", "ERROR 16: 'x.born == null' is never true together with 'has(x.born)'"),
        ("x.born < date('2000-01-01') && x.born > date('2001-01-01')", "ERROR 32: 'x.born > date('2001-01-01')' is never true together with 'x.born < date('2000-01-01')'"),
        ("x.born < now && x.born > now + days(60)", "ERROR 17: 'x.born > now + days(60)' is never true together with 'x.born < now'"),
        ("x.born > now && now > x.born", "ERROR 17: 'now > x.born' is never true together with 'x.born > now'"),
        ("x.born > now + days(9) && x.born > now", "NOTICE 27: this part adds nothing: it is always so where 'x.born > now + days(9)' is true"),
        ("customer.name == request.reason && customer.name != request.reason", "ERROR 36: 'customer.name != request.reason' is never true together with 'customer.name == request.reason'"),
        ("x.b ? false : x.n > 3 && x.n < 1", "ERROR 1: this is never true, whoever the customer is"),
        ("false", "ERROR 1: this is never true, whoever the customer is"),
        ("x.b || !x.b", "NOTICE 1: this is always true: it keeps nobody out"),
        ("x.d < 0.5 || x.d >= 0.5", "NOTICE 1: this is always true: it keeps nobody out"),
        ("customer.segment in ['mass', 'premium', 'vip']", "NOTICE 1: this is always true: it keeps nobody out"),
        ("customer.age >= 0", "NOTICE 1: this is never false: it only asks whether customer.age is known"),
        ("x.n > 5 && x.n > 3", "NOTICE 12: this part adds nothing: it is always so where 'x.n > 5' is true"),
        ("x.n > 3 && (x.b || !x.b)", "NOTICE 13: this part is always true"),
    ],
)  # fmt: skip
def test_a_condition_that_does_not_do_what_was_meant(text: str, expected: str) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "customer.age > 129",
        "customer.age >= 0 && x.b",
        "x.n > 5 || x.n < 3",
        "x.born < now && x.born > date('2000-01-01')",
        "x.born > now && x.born < now + days(60)",
        "x.born + days(30) > now && x.born + days(60) > now",
        "x.d / 0.0 > x.d || x.d / 0.0 <= x.d",
        "customer.complaint_open || customer.age > 18",
        "consent.channels.exists(c, c == 'web') && consent.channels.exists(c, c == 'app')",
        "x.n * 2 > 5 && x.n < 2",
        "customer.name != null && size(customer.name) > 0",
        "x.d / 0.0 > 5.0",
        "now.getMonth() == 11 && now.getDate() == 31",
        "request.channel == 'web' || request.channel == 'app'",
    ],
)
def test_a_condition_that_can_be_meant_is_left_alone(text: str) -> None:
    found = said(text)
    assert [one for one in found if one.startswith("ERROR")] == []
    assert text.startswith("customer.age >= 0") or found == []


def found(actions: list[dict[str, Any]], **policies: Any) -> list[str]:
    loaded = load(files(actions=actions, policies=policies))
    return [f"{d.severity.name} {d.file}: {d.message}" for d in loaded.diagnostics]


def test_an_action_nobody_can_get_by_its_own_conditions() -> None:
    made = action("a", eligible_when={"adult": "customer.age >= 18", "child": "customer.age < 12"})
    assert found([made]) == [
        "ERROR actions/all.yaml: no customer can ever get this: "
        "nobody meets this together with 'adult' (actions/all.yaml:1)"
    ]


def test_an_action_nobody_can_get_because_of_what_it_inherits() -> None:
    angry = {"angry": "customer.complaint_open"}
    assert found([action("a", group="save", suitable_when=angry)]) == [
        "ERROR actions/all.yaml: no customer can ever get this: "
        "nobody meets this together with 'no_complaint' (policies.yaml:1)"
    ]
    opted_out = action("a", group="save", suitable_when=angry, opt_out=["no_complaint"])
    assert found([opted_out]) == []


def test_three_conditions_that_only_together_let_nobody_through() -> None:
    tests = {
        "one": 'customer.segment == "vip" || customer.age < 5',
        "two": 'customer.segment != "vip"',
        "three": "customer.age > 7",
        "four": "!customer.complaint_open",
    }
    (said_,) = found([action("a", eligible_when=tests)])
    assert said_.endswith("together with 'one' (actions/all.yaml:1) and 'two' (actions/all.yaml:1)")


def test_a_contradiction_that_many_inherit_is_said_once_where_it_stands() -> None:
    groups = {
        "bundles": {"issue": "grow", "eligible_when": {"old": "customer.age > 60", "young": "customer.age < 30"}},
        "save": {"issue": "retain"},
    }  # fmt: skip
    (said_,) = found([action("a"), action("b")], groups=groups)
    assert said_.startswith("ERROR policies.yaml: no customer can ever get this")


def test_a_treatment_nobody_can_see() -> None:
    texts = {"headline": "x"}
    made = action(
        "a",
        eligible_when={"adult": "customer.age >= 18"},
        treatments=[
            {"id": "a.1", "placement": "web.hero", "when": "customer.age < 12", "texts": texts},
            {"id": "a.2", "placement": "web.hero", "when": "customer.age >= 65", "texts": texts},
            {"id": "a.3", "placement": "web.hero", "when": "customer.age >= 16", "texts": texts},
        ],
    )
    assert found([made]) == [
        "ERROR actions/all.yaml: no customer can ever get this: "
        "nobody meets this together with 'adult' (actions/all.yaml:1)",
        "NOTICE actions/all.yaml: this adds nothing: "
        "whoever meets 'adult' (actions/all.yaml:1) meets it",
    ]


def test_a_condition_that_follows_from_others_of_its_action() -> None:
    tests = {"adult": "customer.age >= 18", "senior": "customer.age >= 65"}
    assert found([action("a", eligible_when=tests)]) == [
        "NOTICE actions/all.yaml: this adds nothing: "
        "whoever meets 'senior' (actions/all.yaml:1) meets it"
    ]


def test_of_two_that_say_the_same_the_later_adds_nothing() -> None:
    tests = {"first": "customer.age >= 18", "second": "18 <= customer.age"}
    (said_,) = found([action("a", eligible_when=tests)])
    assert "whoever meets 'first'" in said_


def test_an_action_may_ask_for_more_than_its_group() -> None:
    groups = {
        "bundles": {"issue": "grow", "eligible_when": {"adult": "customer.age >= 18"}},
        "save": {"issue": "retain"},
    }
    assert found([action("a", eligible_when={"old": "customer.age >= 65"})], groups=groups) == []
    (said_,) = found([action("a", eligible_when={"teen": "customer.age >= 13"})], groups=groups)
    assert said_.startswith("NOTICE actions/all.yaml: this adds nothing")


def test_a_weight_that_never_counts_and_one_that_always_does() -> None:
    weights = [{"when": "customer.age > 300", "weight": 5}, {"when": "true", "weight": 5}]
    told = found([action("a")], arbitration={"context_weights": weights})
    assert told == [
        "ERROR policies.yaml: customer.age is never greater than 300: it is 0 to 130",
        "NOTICE policies.yaml: this is always true",
    ]


def test_a_treatment_that_is_never_shown_where_it_belongs() -> None:
    texts = {"headline": "x"}
    for when, said_ in {
        "request.channel == 'ivr'": "nobody meets this",
        "request.placement != 'web.hero'": "nobody meets this",
        "request.channel == 'ivr' || customer.age < 18": "nobody meets this together with 'adult'",
    }.items():
        shown = [
            {"id": "a.1", "placement": "web.hero", "when": when, "texts": texts},
            {"id": "a.2", "placement": "web.hero", "texts": texts},
        ]
        made = action("a", eligible_when={"adult": "customer.age >= 18"}, treatments=shown)
        (one,) = found([made])
        assert one.startswith("ERROR actions/all.yaml: no customer can ever get 'a.1': in web.hero")
        assert said_ in one


def test_an_action_may_keep_a_treatment_for_a_place_it_is_not_shown_in_now() -> None:
    shown = [
        {"id": "a.1", "placement": "web.hero", "texts": {"headline": "x"}},
        {"id": "a.2", "placement": "ivr.prompt", "texts": {"prompt": "x"}},
    ]
    here = {"here": "request.channel == 'ivr'"}
    assert found([action("a", treatments=shown, applicable_when=here)]) == [
        "NOTICE actions/all.yaml: no customer can ever get 'a.1': in web.hero nobody meets this"
    ]
    nowhere = {"nowhere": "request.channel == 'app'"}
    assert found([action("a", treatments=shown, applicable_when=nowhere)]) == [
        "ERROR actions/all.yaml: no customer can ever get this: nobody meets it where it is shown"
    ]


def test_a_treatment_may_ask_for_the_place_it_is_shown_in() -> None:
    texts = {"headline": "x"}
    treatment = {
        "id": "a.1",
        "placement": "web.hero",
        "when": "request.channel == 'web'",
        "texts": texts,
    }
    assert found([action("a", treatments=[treatment])]) == []


def test_a_placement_that_does_not_exist_is_never_asked() -> None:
    (one,) = found([action("a", eligible_when={"x": "request.placement == 'web.hera'"})])
    assert one.endswith(
        "'web.hera' is not a value of request.placement (ivr.prompt, web.hero). Did you mean 'web.hero'?"
    )


def test_exploring_may_be_forbidden_to_nobody() -> None:
    assert found([action("a")], arbitration={"exploration": {"none_when": "false"}}) == []


def test_an_expired_action_is_remarked_by_those_who_know_the_time() -> None:
    made = files(actions=[action("a", valid={"to": "2026-12-31"})])
    begin = moment_of("2027-01-01") or 0
    assert load(made).diagnostics == load(made, begin - 1).diagnostics == ()
    (one,) = load(made, begin).diagnostics
    assert one.message == "expired: this action is not offered any more"
    assert one.severity is Severity.NOTICE


def test_a_doubtful_declaration_raises_no_alarm() -> None:
    made = [action("a", eligible_when={"x": "customer.age > 200"})]
    changed = {"customer.age": {"type": "int", "range": [0, 130], "nullable": "maybe"}}
    loaded = load(files(actions=made, attributes=changed))
    assert [one.file for one in loaded.diagnostics] == ["attributes.yaml"]


@pytest.mark.parametrize("name", ["telecom", "bank"])
def test_the_shipped_books_give_no_cause(name: str) -> None:
    found = [one for one in load(RULES / name).diagnostics if one.file != "stop.yaml"]
    assert all("not enforced yet" in one.message for one in found)
