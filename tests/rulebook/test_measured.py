"""The key measured of an action: what it needs, and what is said of what it does not."""

import json
import pickle
from typing import Any

import pytest

from engine.model import DAY
from engine.rulebook.book import Measured
from engine.rulebook.load import load
from engine.rulebook.times import duration_of
from tests.rulebook.builders import action, book, files

SHARE = {"share": 0.1, "period": "quarter", "salt": 2026}
OWN = {"without_save": SHARE | {"action": "save"}}
MEASURED: dict[str, Any] = {"outcome": "churned", "within": "30d", "better": "absent"}


def texts(
    measured: Any = MEASURED, holdouts: Any = OWN, policies: Any = None, **keys: Any
) -> dict[str, bytes]:
    return files(
        policies={"holdouts": holdouts, **(policies or {})},
        actions=[action("save", group="save", measured=measured, **keys), action("other")],
    )


def said(*args: Any, **rest: Any) -> list[str]:
    return [d.message for d in load(texts(*args, **rest)).diagnostics]


def test_an_action_says_what_it_is_to_change() -> None:
    loaded = load(texts())
    assert loaded.diagnostics == ()
    assert loaded.book is not None
    assert loaded.book.measured == {
        "save": Measured(
            action=0,
            outcome="churned",
            within=30 * DAY,
            better_absent=True,
            expected=0.01,
            keep_trying=0.05,
            holdout="without_save",
            salt="2026",
            period="quarter",
            timezone="UTC",
        )
    }
    assert pickle.loads(pickle.dumps(loaded.book)).measured == loaded.book.measured


def test_a_book_that_measures_nothing_has_nothing_measured() -> None:
    assert book().measured == {}


def test_the_holdout_may_be_of_its_group_or_issue() -> None:
    for target in ({"group": "save"}, {"issue": "retain"}):
        found = load(texts(holdouts={"h": SHARE | target})).book
        assert found is not None
        assert found.measured["save"].holdout == "h"  # type: ignore[index]  # an id


@pytest.mark.parametrize(
    "holdouts",
    [None, {"of_others": SHARE | {"action": "other"}}, {"empty": SHARE | {"share": 0, "action": "save"}}],
)  # fmt: skip
def test_without_a_holdout_it_is_said_what_to_add(holdouts: Any) -> None:
    found = load(texts(holdouts=holdouts))
    assert found.book is None
    [error] = [d for d in found.diagnostics if "what this changes" in d.message]
    assert "without_save: {share: 0.1, period: quarter, salt: 1, action: save}" in error.message
    assert (error.file, error.line) == ("actions/all.yaml", 1)
    added = {"without_save": {"share": 0.1, "period": "quarter", "salt": 1, "action": "save"}}
    assert load(texts(holdouts=added)).book is not None


def test_a_holdout_of_everything_does_not_tell_what_this_one_changes() -> None:
    [message] = said(holdouts={"nobody_asked": SHARE})
    assert message.endswith(
        "(those who are offered nothing at all do not tell what this one changes)"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcom": "x", "outcome": None},
         "unknown key 'outcom' in what is measured. Did you mean 'outcome'?"),
        ({"better": "absnt"}, "'absnt' is no better (absent, present). Did you mean 'absent'?"),
        ({"better": None}, "what is measured needs the key 'better'"),
        ({"within": "thirty days"},
         "expected a length of time like 90s, 30m, 12h, 7d or 2w, found 'thirty days'"),
        ({"within": "400d"}, "at most 366d can be waited for"),
        ({"expected": 0},
         "an action that is expected to change nothing would never be tried: write e.g. 0.01"),
        ({"keep_trying": 5}, "the number 5 is not between 0 and 1"),
        ({"outcome": "accept"},
         "'accept' is an answer to an offer, and who gets none cannot give it: name an"
         " interaction that is reported of everybody, such as churned"),
    ],
)  # fmt: skip
def test_mistakes_are_told(change: dict[str, Any], message: str) -> None:
    measured = {k: v for k, v in (MEASURED | change).items() if v is not None}
    found = load(texts(measured))
    assert found.book is None
    assert message in [d.message for d in found.diagnostics]


def test_only_promotional_actions_can_be_measured() -> None:
    assert said(**{"class": "transactional"}) == [
        "only promotional actions can be held out, and so measured: this is transactional",
        "this holdout keeps nothing back: only promotional actions can be held out",
    ]


def test_a_threshold_above_what_is_expected_is_remarked() -> None:
    asked = {
        "arbitration": {"thresholds": [{"channel": "web", "group": "save", "propensity": 0.02}]}
    }
    [message] = said(policies=asked)
    assert message == (
        "0.01 is expected of this, and a threshold asks 0.02 on web of its change: it is never"
        " tried there unless 'expected' is at least that"
    )
    assert said(MEASURED | {"expected": 0.02}, policies=asked) == []


def test_lengths_are_read_as_everywhere() -> None:
    found = load(texts(MEASURED | {"within": "2w"})).book
    assert found is not None
    assert found.measured["save"].within == duration_of("14d")  # type: ignore[index]  # an id


# --- tests of the book ----------------------------------------------------------------------------


def with_test(**keys: Any) -> dict[str, bytes]:
    case = {"name": "a story", "request": {"placement": "web.hero"}, "expect": {"not": ["save"]}}
    return texts() | {"tests/all.yaml": json.dumps({"tests": [case | keys]}).encode()}


def test_a_story_may_say_what_an_action_changes() -> None:
    [case] = load(with_test(uplift={"save": -0.02})).cases
    assert case.uplift == {"save": -0.02}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"uplift": {"other": 0.1}}, "unknown measured action 'other'. Known: save."),
        ({"uplift": {"save": 2}}, "the number 2 is not between -1 and 1"),
        ({"propensities": {"save": 0.2}},
         "'save' is measured, and ranked by what it changes: say so under 'uplift'"),
    ],
)  # fmt: skip
def test_stories_with_mistakes_are_told(keys: dict[str, Any], message: str) -> None:
    assert message in [d.message for d in load(with_test(**keys)).diagnostics]
