"""Values as they are typed at a terminal."""

import pytest

from engine.cli.values import pair, value_of
from engine.wire.value_pb2 import AttributeValue as V
from engine.wire.value_pb2 import StringList


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", V(bool_value=True)),
        ("false", V(bool_value=False)),
        ("42", V(int_value=42)),
        ("-7", V(int_value=-7)),
        ("4.50", V(double_value=4.5)),
        ("1e3", V(double_value=1000.0)),
        (".5", V(double_value=0.5)),
        ("vip", V(string_value="vip")),
        ("True", V(string_value="True")),
        ("nan", V(string_value="nan")),
        ("9" * 30, V(double_value=1e30)),
        ('"123"', V(string_value="123")),
        ("'true'", V(string_value="true")),
        ('""', V(string_value="")),
        ("", V()),
        ("[]", V(string_list=StringList())),
        ("[web, 'ivr']", V(string_list=StringList(values=["web", "ivr"]))),
    ],
)
def test_the_type_is_told_by_the_looks(text: str, value: V) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)]
)
def test_durations(text: str, seconds: int) -> None:
    assert value_of(text).duration_value.ToSeconds() == seconds


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-12-01", "2026-12-01T00:00:00Z"),
        ("2026-12-01T10:00", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00.5+01:00", "2026-12-01T09:00:00.500Z"),
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(text: str, iso: str) -> None:
    assert value_of(text).timestamp_value.ToJsonString() == iso


def test_the_first_equals_sign_parts_name_and_value() -> None:
    assert pair("request.reason=a=b") == ("request.reason", V(string_value="a=b"))


@pytest.mark.parametrize("text", ["", "customer.age", "=5", "customer.birth_date=2026-13-01"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME=VALUE|month must be"):
        pair(text)
