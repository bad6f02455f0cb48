"""Values: what a typed value on the wire says, against the type the rule book declares."""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Final, TypeAlias, cast

from engine.model import SECOND, Micros, Value
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.names import did_you_mean
from engine.wire.value_pb2 import AttributeValue

Reader: TypeAlias = Callable[[AttributeValue], Value]
"""Reads one value; raises `Unfit`."""

Check: TypeAlias = Callable[[Value], None]
"""Raises `Unfit` if a value of the right type is still not one the attribute may have."""

_WORD: Final = 80  # characters of a caller's word that a message repeats
_LONGEST: Final = 315_576_000_000  # seconds: the bound of google.protobuf.Duration
_EARLIEST: Final = -62_135_596_800  # 0001-01-01T00:00:00Z: the bounds of google.protobuf.Timestamp
_LATEST: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


class Unfit(Exception):
    """A value does not fit; the text says what it must be."""


@lru_cache(1024)
def closest(word: str, words: tuple[str, ...]) -> str:
    """`did_you_mean`, remembered: a caller's mistake comes with every call and costs a millisecond."""
    return did_you_mean(word[:_WORD], words)


def reader_of(attribute: Attribute, absent: Value) -> Reader:
    """The reader of a declared attribute: its type, its range, its declared values.

    A value in which nothing is set reads as `absent`.
    """
    check: Check | None = None
    if attribute.values:
        check = _one_of(attribute.values)
    elif attribute.range:
        check = _between(*attribute.range)
    return _typed(attribute.type, check, absent)


def read_any(message: AttributeValue) -> Value:
    """Reads a value nobody has declared, by its kind on the wire; None if nothing is set in it."""
    kind = message.WhichOneof("kind")
    return None if kind is None else _READ[kind](message)


def micros_of(seconds: int, nanos: int) -> Micros:
    """A protobuf timestamp in microseconds, rounded down. Raises `Unfit` beyond the years 1 to 9999."""
    if not (_EARLIEST <= seconds <= _LATEST and 0 <= nanos < 1_000_000_000):
        raise Unfit("must be a moment of the years 1 to 9999, with nanos from 0 to 999,999,999")
    return seconds * SECOND + nanos // 1_000


def write_value(message: AttributeValue, value: Value, type_: Type | None) -> None:
    """Sets a value of the declared type; without one, of the type its Python value has."""
    match value:
        case bool():
            message.bool_value = value
        case int() if type_ is not None and type_.kind is Kind.TIMESTAMP:
            message.timestamp_value.FromMicroseconds(value)
        case int() if type_ is not None and type_.kind is Kind.DURATION:
            message.duration_value.FromMicroseconds(value)
        case int():
            message.int_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case dict():
            message.map_value.SetInParent()
            for name, entry in value.items():
                write_value(
                    message.map_value.entries[name], entry, type_.element if type_ else None
                )
        case list() | tuple():
            message.string_list.SetInParent()
            message.string_list.values.extend(str(item) for item in value)
        case _:
            pass


def _typed(type_: Type, check: Check | None, absent: Value = None) -> Reader:
    """A reader for one type. Scalars, the bulk of every request, have one of their own.

    A field that is not set reads as its default; so whatever is not its default has been set.
    """
    odd = _odd(type_, absent)

    def read_bool(message: AttributeValue) -> Value:
        value = message.bool_value
        return value if value or message.HasField("bool_value") else odd(message)

    def read_int(message: AttributeValue) -> Value:
        value = message.int_value
        if not value and not message.HasField("int_value"):
            return odd(message)
        if check is not None:
            check(value)
        return value

    def read_double(message: AttributeValue) -> Value:
        value = message.double_value
        if not value and not message.HasField("double_value"):
            if not message.HasField("int_value"):
                return odd(message)
            value = float(message.int_value)
        if value - value != 0.0:
            raise Unfit(f"must be a finite number, not {value}")
        if check is not None:
            check(value)
        return value

    def read_string(message: AttributeValue) -> Value:
        value = message.string_value
        if not value and not message.HasField("string_value"):
            return odd(message)
        if check is not None:
            check(value)
        return value

    match type_.kind:
        case Kind.BOOL:
            return read_bool
        case Kind.INT:
            return read_int
        case Kind.DOUBLE:
            return read_double
        case Kind.STRING:
            return read_string
        case _:
            return _compound(type_, check, absent)


def _compound(type_: Type, check: Check | None, absent: Value) -> Reader:
    wire, _ = _WIRE[type_.kind]
    read, odd = _READ[wire], _odd(type_, absent)
    if type_.kind is Kind.MAP and type_.element is not None:
        read = _map_of(_typed(type_.element, None))
    elif type_.kind is Kind.LIST and type_.element != Type(Kind.STRING):
        read = _unsendable(type_)

    def reader(message: AttributeValue) -> Value:
        if message.WhichOneof("kind") != wire:
            return odd(message)
        value = read(message)
        if check is not None:
            check(value)
        return value

    return reader


def _odd(type_: Type, absent: Value) -> Reader:
    """Answers for values that are not of the type: `absent` if nothing is set, else a refusal."""
    _, name = _WIRE[type_.kind]

    def odd(message: AttributeValue) -> Value:
        found = message.WhichOneof("kind")
        if found is None:
            return absent
        raise Unfit(f"must be {name}, not {_NAMES[found]}")

    return odd


def _one_of(values: tuple[str, ...]) -> Check:
    known = frozenset(values)

    def check(value: Value) -> None:
        for word in cast("tuple[str, ...]", value if isinstance(value, tuple) else (value,)):
            if word not in known:
                listed = ", ".join(values[:20]) + (", …" if len(values) > 20 else "")
                raise Unfit(f"'{word[:_WORD]}' is not one of {listed}.{closest(word, values)}")

    return check


def _between(low: float, high: float) -> Check:
    def check(value: Value) -> None:
        if not low <= cast("float", value) <= high:
            raise Unfit(f"must be between {low:g} and {high:g}, not {value}")

    return check


def _map_of(element: Reader) -> Reader:
    def read(message: AttributeValue) -> Value:
        entries = message.map_value.entries
        values = {name: element(entries[name]) for name in entries}
        for name, value in values.items():
            if value is None:
                raise Unfit(f"has an entry '{name[:_WORD]}' in which nothing is set")
        return values

    return read


def _unsendable(type_: Type) -> Reader:
    def read(_: AttributeValue) -> Value:
        raise Unfit(f"is declared {type_}, but only lists of strings can be sent")

    return read


def _moment(message: AttributeValue) -> Value:
    moment = message.timestamp_value
    return micros_of(moment.seconds, moment.nanos)


def _length(message: AttributeValue) -> Value:
    length = message.duration_value
    seconds, nanos = length.seconds, length.nanos
    if not (
        -_LONGEST <= seconds <= _LONGEST and abs(nanos) < 1_000_000_000 and seconds * nanos >= 0
    ):
        raise Unfit("must be a duration of at most 10,000 years, seconds and nanos of one sign")
    return seconds * SECOND + int(nanos / 1_000)


def _strings(message: AttributeValue) -> Value:
    return tuple(message.string_list.values)


_WIRE: Final = {
    Kind.BOOL: ("bool_value", "a bool"),
    Kind.INT: ("int_value", "an int"),
    Kind.DOUBLE: ("double_value", "a double"),
    Kind.STRING: ("string_value", "a string"),
    Kind.TIMESTAMP: ("timestamp_value", "a timestamp"),
    Kind.DURATION: ("duration_value", "a duration"),
    Kind.LIST: ("string_list", "a list of strings"),
    Kind.MAP: ("map_value", "a map"),
}
_NAMES: Final = dict(_WIRE.values())
_READ: Final[dict[str, Reader]] = {
    "bool_value": attrgetter("bool_value"),
    "int_value": attrgetter("int_value"),
    "double_value": _typed(Type(Kind.DOUBLE), None),
    "string_value": attrgetter("string_value"),
    "timestamp_value": _moment,
    "duration_value": _length,
    "string_list": _strings,
    "map_value": _map_of(read_any),
}
