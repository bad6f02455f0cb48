"""Values typed at a terminal: `name=value`, the type told by how the value looks."""

import re
from datetime import UTC, datetime
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from engine.wire.value_pb2 import AttributeValue, StringList

_INT: Final = re.compile(r"[+-]?\d{1,18}")
_DOUBLE: Final = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_LENGTH: Final = re.compile(r"(\d+)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def pair(text: str) -> tuple[str, AttributeValue]:
    """Reads `name=value`. Raises ValueError.

    >>> pair("customer.age=42")[1].int_value
    42
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is no NAME=VALUE, e.g. request.reason=cancel")
    return name.strip(), value_of(value.strip())


def value_of(text: str) -> AttributeValue:
    """The value a text looks like: a string in quotes, and where it looks like nothing else.

    Knows bools, ints, doubles, ISO 8601 times (UTC unless they say otherwise), durations such as
    `90d`, and lists in brackets. An empty text stands for absent.

    >>> value_of("[web, ivr]").string_list.values
    ['web', 'ivr']
    >>> value_of('"123"').string_value
    '123'
    """
    if text == "":
        return AttributeValue()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return AttributeValue(string_value=text[1:-1])
    if text in {"true", "false"}:
        return AttributeValue(bool_value=text == "true")
    if _INT.fullmatch(text):
        return AttributeValue(int_value=int(text))
    if _DOUBLE.fullmatch(text):
        return AttributeValue(double_value=float(text))
    if text.startswith("[") and text.endswith("]"):
        items = [item.strip().strip("\"'") for item in text[1:-1].split(",")]
        return AttributeValue(string_list=StringList(values=[item for item in items if item]))
    if length := _LENGTH.fullmatch(text):
        seconds = int(length[1]) * _SECONDS[length[2]]
        return AttributeValue(duration_value=Duration(seconds=seconds))
    if _MOMENT.fullmatch(text):
        return AttributeValue(timestamp_value=moment(text))
    return AttributeValue(string_value=text)


def moment(text: str) -> Timestamp:
    """An ISO 8601 date or time, UTC unless it names a zone. Raises ValueError."""
    when = datetime.fromisoformat(text)
    stamp = Timestamp()
    stamp.FromDatetime((when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC))
    return stamp
