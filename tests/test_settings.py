"""Settings: what was chosen, else the environment, else the defaults."""

from dataclasses import fields
from pathlib import Path

import pytest

from engine.errors import InvalidInput
from engine.settings import _READERS, Address, Budgets, Settings


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


@pytest.mark.parametrize(("said", "watch"), [("0", False), ("no", False), ("On", True), ("", True)])
def test_watching_is_switched_on_and_off(said: str, watch: bool) -> None:
    assert Settings.of({"ATTUNE_WATCH": said}).watch is watch


def test_what_is_no_switch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="neither on nor off"):
        Settings.of({"ATTUNE_LAST_GOOD": "maybe"})
