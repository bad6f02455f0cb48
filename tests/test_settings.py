"""Settings: what was chosen, else the environment, else the defaults."""

from dataclasses import fields
from pathlib import Path

import pytest

from engine.errors import InvalidInput
from engine.settings import _READERS, Address, Budgets, Settings, unknown_settings


def test_a_choice_wins_over_the_environment_and_that_over_the_default() -> None:
    settings = Settings.of(
        {"ATTUNE_DATA": "/env", "ATTUNE_LISTEN": "0.0.0.0:1", "ATTUNE_RULES": ""},
        listen="[::1]:0",
        data=None,
    )
    assert settings.listen == Address("::1", 0)
    assert settings.data == Path("/env")
    assert settings.rules == Settings().rules


def test_every_setting_can_be_set_from_the_environment() -> None:
    assert set(_READERS) == {setting.name for setting in fields(Settings)}


def test_everything_unreadable_is_named_at_once() -> None:
    environment = {
        "ATTUNE_GRACE": "soon",
        "ATTUNE_LATENESS": "-1",
        "ATTUNE_BUDGETS": "web",
        "ATTUNE_LOG_FORMAT": "xml",
        "ATTUNE_TRANSPORT": "carrier pigeon",
        "ATTUNE_RECEIVE_LIMIT": "1.5",
    }
    with pytest.raises(InvalidInput) as error:
        Settings.of(environment, listen="here")
    assert {v.field for v in error.value.violations} == {"listen", *environment}


@pytest.mark.parametrize(
    "text", ["", "50051", "host", "host:", ":1", "h:99999", "h:-1", "::1:5", "h:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no HOST:PORT"):
        Address.parse(text)


def test_budgets_fall_back_to_the_other_channels() -> None:
    budgets = Budgets.parse("web=80, sms=1000")
    assert [budgets.of(c) for c in ("web", "sms", "ivr", "letter")] == [0.08, 1.0, 0.25, 0.25]


@pytest.mark.parametrize("text", ["web", "web=", "=5", "web=0", "web=soon"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no CHANNEL=MILLISECONDS"):
        Budgets.parse(text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("RESERVE", "abc", "'abc' must be a number of seconds from 0 to 60, e.g. 0.5"),
        ("RESERVE", "nan", "from 0 to 60"),
        ("STREAM_LIMIT", "0", "must be a whole number of questions from 1 to 100,000"),
        ("STREAM_LIMIT", "many", "must be a whole number of questions"),
        ("RECEIVE_LIMIT", "4095", "must be a whole number of bytes from 4,096 to 67,108,864"),
        ("RECEIVE_LIMIT", "99999999999999999999", "from 4,096 to 67,108,864"),
        ("RECEIVE_LIMIT", "-1", "from 4,096 to 67,108,864"),
        ("GRACE", "-0.1", "must be a number of seconds from 0 to 86,400"),
        ("LINGER", "inf", "must be a number of seconds from 0 to 600"),
        ("LATENESS", "0", "must be a number of seconds above 0"),
        ("AHEAD", "-1", "must be a number of seconds from 0"),
        ("AWAKE", "1", "must be a number of seconds from 0 to 0.01, e.g. 0.005"),
        ("REQUEST_TTL", "0", "must be a number of seconds above 0"),
        ("BUDGETS", f"web={'9' * 400}", "at most 3,600,000 milliseconds"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_range(name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Settings.of({"ATTUNE_" + name: text})
    [violation] = error.value.violations
    assert violation.field == "ATTUNE_" + name
    assert said in violation.description


def test_the_ends_of_a_range_are_in_it() -> None:
    ends = {"ATTUNE_GRACE": "0", "ATTUNE_RECEIVE_LIMIT": "4096", "ATTUNE_STREAM_LIMIT": "1"}
    settings = Settings.of(ends)
    assert (settings.grace, settings.receive_limit, settings.stream_limit) == (0.0, 4096, 1)


def test_variables_that_are_no_setting_are_named_those_of_others_are_not() -> None:
    mine = {"ATTUNE_" + name.upper(): "" for name in _READERS}
    others = dict.fromkeys(
        (
            "ATTUNE_SERVER",
            "ATTUNE_SERVICE_HOST",
            "ATTUNE_PORT",
            "ATTUNE_PORT_50051_TCP_ADDR",
            "HOME",
        )
    )
    wrong = {"ATTUNE_LISTNE": "x", "ATTUNE_ZEBRA": "x"}
    assert unknown_settings({**mine, **dict.fromkeys(others, ""), **wrong}) == [
        "ATTUNE_LISTNE is no setting. Did you mean 'ATTUNE_LISTEN'?",
        "ATTUNE_ZEBRA is no setting.",
    ]


@pytest.mark.parametrize(("said", "watch"), [("0", False), ("no", False), ("On", True), ("", True)])
def test_watching_is_switched_on_and_off(said: str, watch: bool) -> None:
    assert Settings.of({"ATTUNE_WATCH": said}).watch is watch


def test_what_is_no_switch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="neither on nor off"):
        Settings.of({"ATTUNE_LAST_GOOD": "maybe"})


@pytest.mark.parametrize("half", [{"stream": "kafka://k:9092"}, {"state": "redis://r"}])
def test_a_cluster_takes_both_its_log_and_its_customers(half: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="a cluster takes both"):
        Settings.of({}, **half)


@pytest.mark.parametrize(
    ("name", "text"),
    [("stream", "k:9092"), ("state", "http://r"), ("name", "My Attune"), ("name", "")],
)
def test_what_names_no_cluster_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        Settings.of({}, **{"stream": "kafka://k:1", "state": "redis://r", name: text})
