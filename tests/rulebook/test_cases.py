"""What the tests beside the rules say, and what is wrong with them."""

import json
from typing import Any

import pytest

from engine.model import DAY, HOUR
from engine.rulebook.case import Case, Expects, PastEvent, PastOffer
from engine.rulebook.load import load
from engine.rulebook.times import moment_of
from tests.rulebook.builders import files

PLAIN: dict[str, Any] = {
    "name": "a test",
    "request": {"placement": "web.hero"},
    "expect": {"first": "stay"},
}


def written(**keys: Any) -> dict[str, bytes]:
    content = {"tests": [{**PLAIN, **keys}]}
    return files(more={"tests/a.yaml": json.dumps(content, indent=1)})


def read(**keys: Any) -> Case:
    loaded = load(written(**keys))
    assert loaded.book is not None, loaded.diagnostics
    (case,) = loaded.cases
    return case


def mistakes(**keys: Any) -> list[str]:
    return [diagnostic.message for diagnostic in load(written(**keys)).diagnostics]


def test_the_whole_of_a_test() -> None:
    case = read(
        customer={"customer.age": 40, "customer.name": None},
        history=[{"action": "stay", "outcome": "click", "ago": "3d", "times": 2, "channel": "app"}],
        events=[{"type": "call", "ago": "2h"}],
        request={
            "placements": ["web.hero"],
            "context": {"request.reason": "bill"},
            "max_offers": 1,
        },
        now="2026-11-21",
        propensities={"stay": 0.25},
    )
    assert (case.name, case.file, case.line) == ("a test", "tests/a.yaml", 3)
    assert case.customer == {"customer.age": 40, "customer.name": None}
    assert case.history == (PastOffer("stay", "click", 3 * DAY, "app", "", 0.0, 2),)  # type: ignore[arg-type]
    assert case.events == (PastEvent("call", 2 * HOUR, "", 1),)
    assert (case.placements, case.channel, case.max_offers) == (("web.hero",), "web", 1)
    assert case.context == {"request.reason": "bill"}
    assert case.now == moment_of("2026-11-21")
    assert case.propensities == {"stay": 0.25}


def test_each_expectation_with_its_line() -> None:
    case = read(
        expect={
            "first": "stay",
            "offers": ["stay", "data_5gb"],
            "only": ["stay"],
            "in_order": ["stay"],
            "includes": ["stay"],
            "any_of": ["stay", "data_5gb"],
            "fallback": False,
            "not": {"data_5gb": "eligible_when.adult"},
        }
    )
    assert [str(e) for e in case.expected] == [
        "first: stay",
        "offers: [stay, data_5gb]",
        "only: [stay]",
        "in_order: [stay]",
        "includes: [stay]",
        "any_of: [stay, data_5gb]",
        "fallback: false",
        "not: data_5gb: eligible_when.adult",
    ]
    assert [e.line for e in case.expected] == sorted({e.line for e in case.expected})
    assert [e.kind for e in case.expected] == list(dict.fromkeys(e.kind for e in case.expected))


def test_a_list_of_what_is_not_offered() -> None:
    expected = read(expect={"not": ["stay", "data_5gb"]}).expected
    assert [(e.kind, e.actions, e.reason) for e in expected] == [
        (Expects.NOT, ("stay",), ""),
        (Expects.NOT, ("data_5gb",), ""),
    ]


def test_nothing_first_is_the_fallback() -> None:
    (expected,) = read(expect={"first": None}).expected
    assert str(expected) == "fallback: true"


def test_a_test_may_be_about_somebody_held_out_or_in_an_experiment() -> None:
    assert read().holdout == ""
    assert read(holdout="no_levers").holdout == "no_levers"
    content = {"tests": [{**PLAIN, "holdout": "no_lever"}]}
    [mistake] = load(files(more={"tests/a.yaml": json.dumps(content)})).diagnostics
    assert mistake.message == (
        "unknown holdout or experiment 'no_lever'. Did you mean 'no_levers'?"
    )


KEPT = {"events.calls": {"type": "int", "from": {"event": "call", "count": "1d"}}}


def test_events_have_attributes_of_their_declared_types() -> None:
    call = {"type": "call", "ago": "2h", "attributes": {"customer.age": 40, "topic": "bill"}}
    (event,) = read(events=[call]).events
    assert event.attributes == {"customer.age": 40, "topic": "bill"}
    content = {"tests": [{**PLAIN, "events": [call | {"attributes": {"customer.age": "old"}}]}]}
    (mistake,) = load(files(more={"tests/a.yaml": json.dumps(content)})).diagnostics
    assert mistake.message.startswith("expected a whole number (int)")


def test_what_is_kept_from_events_is_not_told_of_a_customer() -> None:
    told = {**PLAIN, "customer": {"events.calls": 3}}
    made = files(attributes=KEPT, more={"tests/a.yaml": json.dumps({"tests": [told]})})
    (mistake,) = load(made).diagnostics
    assert mistake.message == (
        "'events.calls' is kept from events: say what happened under 'events', or set it under the"
        " request's context"
    )


def test_a_book_with_tests_has_nothing_to_remark_upon() -> None:
    assert load(written()).diagnostics == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"expect": {}}, "nothing is expected: this test would always pass"),
        ({"expect": {"not": {}}}, "nothing is expected: this test would always pass"),
        ({"expect": {"includes": []}}, "the list is empty"),
        ({"expect": {"frist": "stay"}}, "unknown key 'frist'"),
        ({"propensities": {"stay": 1.5}}, "1.5 is not between 0 and 1"),
        ({"propensities": {"sty": 0.5}}, "unknown action 'sty'. Did you mean 'stay'?"),
        (
            {"request": {"placement": "web.hero", "placements": ["web.hero"]}},
            "give 'placement' or 'placements', not both",
        ),
        (
            {"request": {"placements": ["web.hero", "ivr.prompt"]}},
            "'ivr.prompt' belongs to the channel ivr, not web",
        ),
        ({"request": {"placement": "web.hero", "channel": "app"}}, "the channel web, not app"),
        ({"expect": {"only": ["sty"]}}, "unknown action 'sty'"),
        ({"expect": {"not": {"stay": "suitable_when.nice"}}}, "unknown reason"),
        ({"expect": {"not": {"stay": "cap.stay"}}}, "unknown reason"),
        ({"used": {"stya": {"total": 1}}}, "unknown cap 'stya'"),
        ({"used": {"stay": 3}}, "found the number 3"),
    ],
)
def test_a_mistake(keys: dict[str, Any], said: str) -> None:
    assert any(said in message for message in mistakes(**keys)), mistakes(**keys)


def test_the_expressions_are_those_of_the_conditions() -> None:
    loaded = load(files())
    assert loaded.book is not None
    assert [e.text.strip() for e in loaded.expressions] == [c.text for c in loaded.book.conditions]
