"""The clause `from:` of attributes.yaml: what it may say, and what is said of what it may not."""

from typing import Any

import pytest

from engine.model import DAY, HOUR, UNKNOWN
from engine.rulebook.book import Attribute
from engine.rulebook.load import load
from engine.rulebook.window import Reckoning, Window
from tests.rulebook.builders import ATTRIBUTES, action, book, files


def attribute(type_: str = "int", clause: dict[str, Any] | None = None, **rest: Any) -> Attribute:
    source = clause or {"event": "call", "count": "1d"}
    made = book(attributes={"events.x": {"type": type_, "from": source, **rest}})
    return made.attributes[made.index["events.x"]]


def said(type_: str = "int", clause: dict[str, Any] | None = None, **rest: Any) -> list[str]:
    source = clause or {"event": "call", "count": "1d"}
    made = files(attributes={"events.x": {"type": type_, "from": source, **rest}})
    return [one.message for one in load(made).diagnostics]


@pytest.mark.parametrize(
    ("type_", "clause", "window"),
    [
        ("int", {"event": "call", "count": "1d"}, Window(("call",), Reckoning.COUNT, DAY)),
        (
            "int",
            {"event": ["call", "visit"], "count": "2h", "channel": ["web", "ivr"]},
            Window(("call", "visit"), Reckoning.COUNT, 2 * HOUR, channels=("web", "ivr")),
        ),
        (
            "double",
            {"event": "paid", "sum": "30d", "of": "amount"},
            Window(("paid",), Reckoning.SUM, 30 * DAY, "amount"),
        ),
        (
            "duration",
            {"event": "call", "sum": "7d", "of": "length"},
            Window(("call",), Reckoning.SUM, 7 * DAY, "length"),
        ),
        (
            "int",
            {"event": "call", "distinct": "1w", "of": "topic", "channel": "ivr"},
            Window(("call",), Reckoning.DISTINCT, 7 * DAY, "topic", ("ivr",)),
        ),
        (
            "timestamp",
            {"event": "call", "last": "366d", "where": {"topic": "bill", "n": [1, 2]}},
            Window(
                ("call",), Reckoning.LAST, 366 * DAY, where=(("topic", ("bill",)), ("n", (1, 2)))
            ),
        ),
    ],
)
def test_what_a_window_may_be(type_: str, clause: dict[str, Any], window: Window) -> None:
    assert attribute(type_, clause).source == window


def test_what_is_counted_is_always_known_and_what_was_last_is_not() -> None:
    paid = {"event": "paid", "sum": "1d", "of": "amount"}
    since = {"event": "paid", "last": "1d"}
    assert attribute().default == attribute("int", default=0).default == 0
    assert repr(attribute("double", paid).default) == "0.0"
    assert attribute("duration", since).default is UNKNOWN
    assert attribute("duration", since, nullable=True).default is None
    assert attribute("duration", since, default="90d").default == 90 * DAY


def test_what_is_counted_is_never_null() -> None:
    (found,) = said(nullable=True)
    assert found == "without events this is 0, never null: leave 'nullable' out"


def test_a_clause_that_says_nothing_is_no_clause_left_out() -> None:
    text = ATTRIBUTES + "  events.x:\n    type: int\n    from:\n"
    (found,) = load(files(attributes=text)).diagnostics
    line = text.count("\n")
    assert str(found) == (
        f"attributes.yaml:{line}:5: 'from' says nothing: write which events it is kept from or leave"
        " the key out"
    )


@pytest.mark.parametrize("never", [".nan", ".inf", "-.inf"])
def test_no_event_has_what_is_no_number(never: str) -> None:
    clause = f"{{event: call, count: 1d, where: {{n: {never}}}}}"
    text = f"{ATTRIBUTES}  events.x: {{type: int, from: {clause}}}\n"
    (found,) = load(files(attributes=text)).diagnostics
    assert found.message.startswith("no event has this: only truths, numbers up to 10^15")


def test_sixteen_attributes_of_an_event_may_be_asked_for() -> None:
    where = {f"a{n:02}": n for n in range(16)}
    source = attribute(clause=CALLS | {"where": where}).source
    assert source is not None
    assert len(source.where) == 16


def test_answers_to_offers_are_not_counted_and_that_is_said() -> None:
    assert said(clause={"event": ["call", "click"], "count": "1d"}) == [
        "'click' is also an outcome: interactions of this type are counted here, and no answers to"
        " offers"
    ]


def test_it_is_no_remark_any_more() -> None:
    made = files(attributes={"events.x": {"type": "int", "from": {"event": "a", "count": "1d"}}})
    assert load(made).diagnostics == ()


CALLS: dict[str, Any] = {"event": "call", "count": "1d"}
SUM: dict[str, Any] = {"event": "call", "sum": "1d", "of": "amount"}


@pytest.mark.parametrize(
    ("type_", "clause", "expected"),
    [
        ("int", {"count": "1d"}, "'from' needs the key 'event'"),
        (
            "int",
            {"event": "call"},
            "'from' needs the key 'count', 'sum', 'distinct' or 'last', as in count: 7d",
        ),
        (
            "int",
            CALLS | {"last": "1d"},
            "'from' takes only one of 'count', 'sum', 'distinct' or 'last', as in count: 7d",
        ),
        (
            "int",
            {"event": "call", "cuont": "1d"},
            "unknown key 'cuont' in 'from'. Did you mean 'count'?",
        ),
        ("int", CALLS | {"count": "a day"}, "expected a length of time"),
        ("int", CALLS | {"count": "367d"}, "at most 366d can be looked back"),
        ("int", CALLS | {"event": ["call", "call"]}, "stands in this list twice"),
        ("int", CALLS | {"event": []}, "the list is empty"),
        ("int", CALLS | {"event": "dropped call"}, "is no name"),
        ("int", CALLS | {"channel": "wep"}, "'wep' is not a value of request.channel"),
        (
            "int",
            CALLS | {"of": "amount"},
            "'count' is made of the events themselves: it has no 'of'",
        ),
        ("timestamp", {"event": "a", "last": "1d", "of": "b"}, "'last' is made of the events"),
        ("double", {"event": "a", "sum": "1d"}, "'sum' needs 'of': the attribute of the events"),
        ("int", {"event": "a", "distinct": "1d"}, "'distinct' needs 'of': the attribute of the"),
        ("double", CALLS, "a count of events is an int, not a double"),
        ("string", SUM, "a sum is an int, a double or a duration, not a string"),
        ("double", SUM | {"of": "customer.name"}, "only numbers can be summed"),
        ("int", SUM | {"of": "telco.data_used_pct"}, "and so is its sum, not a int"),
        ("int", SUM | {"of": "customer.gender"}, "'customer.gender' is sensitive"),
        ("int", {"event": "a", "distinct": "1d", "of": "consent.channels"}, "only single values"),
        ("int", {"event": "a", "last": "1d"}, "when an event last happened is a timestamp, or a"),
        ("int", CALLS | {"where": {"customer.segment": "vpi"}}, "Did you mean 'vip'?"),
        ("int", CALLS | {"where": {"customer.gender": "f"}}, "'customer.gender' is sensitive"),
        ("int", CALLS | {"where": {"topic": []}}, "the list is empty"),
        ("int", CALLS | {"where": {"topic": "x" * 65}}, "only texts of up to 64 characters"),
        ("int", CALLS | {"where": {"topic": {"a": 1}}}, "expected one value"),
        ("int", CALLS | {"where": {}}, "'where' says nothing: write what the events must have"),
        ("int", CALLS | {"where": None}, "'where' says nothing: write what the events must have"),
        ("int", CALLS | {"where": {"n": 10**15 + 1}}, "no event has this: only truths, numbers up"),
        (
            "int",
            CALLS | {"where": {"telco.contract_end": "2026-11-21"}},
            "'telco.contract_end' is a timestamp: of events no times are kept",
        ),
        (
            "int",
            CALLS | {"where": {f"a{n}": n for n in range(17)}},
            "of an event only 16 attributes are kept: none has all 17",
        ),
        ("int", CALLS | {"where": "topic"}, "expected attributes and the values they must have"),
    ],
)
def test_what_it_may_not_be(type_: str, clause: dict[str, Any], expected: str) -> None:
    gender = {"type": "string", "sensitivity": "sensitive"}
    kept = {"type": type_, "from": clause}
    made = files(attributes={"customer.gender": gender, "events.x": kept})
    (mistake,) = load(made).diagnostics
    assert expected in mistake.message


def test_what_else_the_attribute_says_must_go_with_it() -> None:
    assert said(default=3) == ["without events this is 0: leave the default out"]
    assert said(max_age="7d") == ["what is kept from events never gets old"]
    assert said(range=[0, 9]) == ["what is kept from events has no range but what happens"]


@pytest.mark.parametrize("condition", ["events.x < 0", "events.x > 1001", "events.x == 5000"])
def test_what_no_count_can_be_is_found(condition: str) -> None:
    kept = {"events.x": {"type": "int", "from": {"event": "call", "count": "1d"}}}
    made = files(attributes=kept, actions=[action("a", eligible_when={"x": condition})])
    (found,) = load(made).diagnostics
    assert "never" in found.message


def test_mistakes_have_a_place() -> None:
    line = "  events.x: {type: double, from: {event: call, count: 1d, chanel: web}}\n"
    found = load(files(attributes=ATTRIBUTES + line)).diagnostics
    row = ATTRIBUTES.count("\n") + 1
    assert [str(one) for one in found] == [
        f"attributes.yaml:{row}:{line.index('chanel') + 1}: unknown key 'chanel' in 'from'."
        " Did you mean 'channel'?"
    ]
