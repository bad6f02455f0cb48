"""What is said of influencers and thresholds that cannot be meant."""

import pytest

from engine.rulebook.load import load
from tests.rulebook.builders import book, files

RIGHT = {"on": "reject", "scope": "action", "weight": 40, "lasts": "30d"}


def said(**arbitration: object) -> list[str]:
    found = load(files(policies={"arbitration": arbitration})).diagnostics
    return [one.message for one in found if one.severity == 1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"on": "rejct"}, "unknown outcome 'rejct'. Did you mean 'reject'?"),
        ({"scope": "all"}, "'all' is no scope (action, group, issue)."),
        ({"weight": 0}, "a weight of 0 changes nothing"),
        ({"weight": -101}, "the number -101 is not between -100 and 10000"),
        ({"after": "0d"}, "expected a length of time like 90s, 30m, 12h, 7d or 2w, found '0d'"),
        (
            {"grows_over": "14"},
            "expected a length of time like 90s, 30m, 12h, 7d or 2w, found '14'",
        ),
        ({"lasts": "for ever"}, "expected a length of time like 90s, 30m, 12h, 7d or 2w, found"),
        ({"lasts": None}, "say how it ends: 'lasts: 30d', 'fades_over: 30d' or both; or"),
        ({"lasts": "always", "fades_over": "1d"}, "what lasts always cannot fade: say how long"),
        ({"group": "sav"}, "unknown group 'sav'. Did you mean 'save'?"),
        ({"group": "save", "action": "stay"}, "'group' and 'action': name only one of them"),
        ({"channels": ["fax"]}, "'fax' is not a value of request.channel (web, app, ivr)."),
        ({"wieght": 3}, "unknown key 'wieght' in influencer 'one'."),
    ],
)
def test_mistakes(keys: dict[str, object], message: str) -> None:
    written = {**RIGHT, **keys}
    (found,) = said(influencers={"one": {k: v for k, v in written.items() if v is not None}})
    assert found.startswith(message)


@pytest.mark.parametrize(
    "keys", [{}, {"lasts": "always"}, {"lasts": "1d", "fades_over": "1d", "after": "1s"}]
)
def test_what_is_right(keys: dict[str, object]) -> None:
    assert said(influencers={"one": {**RIGHT, **keys}}) == []


def test_a_threshold_asks_something_and_only_once() -> None:
    assert said(thresholds=[{"channel": "web"}]) == [
        "a threshold needs the key 'propensity', 'priority' or both"
    ]
    assert said(thresholds=[{"priority": -1}]) == ["the number -1 is not at least 0"]
    twice = [{"group": "save", "priority": 1}, {"group": "save", "priority": 2, "propensity": 0.1}]
    (message,) = said(thresholds=twice)
    assert message == "line 1 has a threshold of priority for the same already"


def test_a_threshold_may_ask_for_either() -> None:
    thresholds = [{"group": "save", "priority": 1}, {"group": "save", "propensity": 0.1}]
    made = book(policies={"arbitration": {"thresholds": thresholds}}).arbitration.thresholds
    assert [(one.propensity, one.priority) for one in made] == [(None, 1.0), (0.1, None)]
