"""CEL values while conditions run: null, boxes for values typed at run time, maps, equality, order.

Statically typed values are plain Python values; errors and unknowns are None. Where a value's type
is known only at run time (`dyn`), uints, timestamps and durations are boxed in subclasses of int.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

Boxed: TypeAlias = Any
"""A value whose type is known only at run time."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1


class Null(Enum):
    """The type of `NULL`."""

    NULL = "null"

    def __repr__(self) -> str:
        return "NULL"


NULL: Final = Null.NULL
"""CEL's null, which is a value like any other; None is the absence of one."""


class Uint(int):
    """A boxed uint."""

    __slots__ = ()


class Timestamp(int):
    """A boxed timestamp, microseconds since 1970."""

    __slots__ = ()


class Duration(int):
    """A boxed duration, microseconds."""

    __slots__ = ()


class TypeValue(str):
    """A type as a value, by its CEL name."""

    __slots__ = ()


class KeyedMap(dict[Boxed, Boxed]):
    """A map whose keys need not be strings: held under `key_of`, iterated as written."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Boxed] = []

    def __iter__(self) -> Iterator[Boxed]:
        return iter(self.written)


_FALSE_KEY: Final = ("bool", 0)
_TRUE_KEY: Final = ("bool", 1)


def key_of(value: Boxed) -> Boxed:
    """What a map holds the key under: numbers by value whatever their type; None if no key can be."""
    if value is True:
        return _TRUE_KEY
    if value is False:
        return _FALSE_KEY
    if isinstance(value, TypeValue | Timestamp | Duration):
        return None
    return value if isinstance(value, str | int | float) else None


def map_of(*entries: tuple[Boxed, Boxed]) -> KeyedMap | None:
    """A map literal; None if a key comes twice or cannot be one."""
    made = KeyedMap()
    for key, value in entries:
        held = key_of(key)
        if held is None or isinstance(key, float) or held in made:
            return None
        made[held] = value
        made.written.append(key)
    return made


def lookup(container: Mapping[Boxed, Boxed], key: Boxed) -> Boxed:
    """The value under a key; None if there is none."""
    held = key_of(key)
    return None if held is None else container.get(held)


def has_key(container: Mapping[Boxed, Boxed], key: Boxed) -> bool | None:
    """Whether a map has a key; None for what cannot be a key."""
    held = key_of(key)
    return None if held is None else held in container


def at(items: Sequence[Boxed], index: Boxed) -> Boxed:
    """The element at an index counted from 0; None outside the list."""
    if isinstance(index, float):
        if not index.is_integer():
            return None
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool | Timestamp | Duration):
        return None
    return items[index] if 0 <= index < len(items) else None


def index(container: Boxed, key: Boxed) -> Boxed:
    """`container[key]` of boxed values."""
    if isinstance(container, Mapping):
        return lookup(container, key)
    return at(container, key) if isinstance(container, list | tuple) else None


def select(container: Boxed, field: str) -> Boxed:
    """`container.field` of a boxed value."""
    return container.get(field) if isinstance(container, Mapping) else None


def has_field(container: Boxed, field: str) -> bool | None:
    """`has(container.field)` of a boxed value."""
    return field in container if isinstance(container, Mapping) else None


_KINDS: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    Null: "null_type",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    TypeValue: "type",
    list: "list",
    tuple: "list",
    dict: "map",
    KeyedMap: "map",
}
NUMBERS: Final = frozenset({int, Uint, float})
_ORDERED: Final = frozenset({bool, str, bytes, Timestamp, Duration})


def type_of(value: Boxed) -> TypeValue:
    """`type(x)` of a boxed value."""
    return TypeValue(_KINDS[type(value)])


def box(value: Boxed, shape: tuple[Boxed, ...]) -> Boxed:
    """A statically typed value as a boxed one. `shape` is the type: its name, then its parameters."""
    if value is NULL:
        return NULL
    match shape[0]:
        case "uint":
            return Uint(value)
        case "timestamp":
            return Timestamp(value)
        case "duration":
            return Duration(value)
        case "double":
            return float(value)
        case "list":
            return tuple(box(v, shape[1]) for v in value)
        case "map":
            return _box_map(value, shape[1], shape[2])
        case _:
            return value


def _box_map(value: Boxed, key: tuple[Boxed, ...], element: tuple[Boxed, ...]) -> Boxed:
    made = KeyedMap()
    for k in value:
        held = key_of(k)
        made[held] = box(value[held], element)
        made.written.append(box(k, key))
    return made


def equal(a: Boxed, b: Boxed) -> bool:
    """`a == b`: numbers by value (an int beside a double is taken as double), never across kinds."""
    if isinstance(a, list | tuple):
        same = isinstance(b, list | tuple) and len(a) == len(b)
        return same and all(map(equal, a, b))
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        items = dict.items(a)
        return all(dict.__contains__(b, k) and equal(v, dict.__getitem__(b, k)) for k, v in items)
    kind, other = type(a), type(b)
    if kind in NUMBERS and other in NUMBERS:
        return bool(float(a) == float(b)) if kind is float or other is float else bool(a == b)
    return kind is other and bool(a == b)


def compare(a: Boxed, b: Boxed) -> int | None:
    """-1, 0 or 1 as `a` is before, with or after `b`; 2 beside NaN; None if they have no order."""
    kind, other = type(a), type(b)
    if kind in NUMBERS and other in NUMBERS:
        if kind is float or other is float:
            a, b = float(a), float(b)
            if math.isnan(a) or math.isnan(b):
                return 2
    elif kind is not other or kind not in _ORDERED:
        return None
    return -1 if a < b else int(a > b)


def less(a: Boxed, b: Boxed) -> bool | None:
    """`a < b` of boxed values."""
    return None if (order := compare(a, b)) is None else order == -1


def less_equal(a: Boxed, b: Boxed) -> bool | None:
    """`a <= b` of boxed values."""
    return None if (order := compare(a, b)) is None else order in {-1, 0}


def greater(a: Boxed, b: Boxed) -> bool | None:
    """`a > b` of boxed values."""
    return None if (order := compare(a, b)) is None else order == 1


def greater_equal(a: Boxed, b: Boxed) -> bool | None:
    """`a >= b` of boxed values."""
    return None if (order := compare(a, b)) is None else order in {0, 1}


def contains(items: Iterable[Boxed], value: Boxed) -> bool:
    """`value in items` where Python's own `in` would differ: NaN, numbers of two types, null."""
    return any(equal(value, item) for item in items)


def items_of(container: Boxed) -> Iterable[Boxed] | None:
    """What a macro looks at: a list's elements or a map's keys; None of anything else."""
    return container if isinstance(container, list | tuple | dict) else None


def contains_any(container: Boxed, value: Boxed) -> bool | None:
    """`value in container` of boxed values."""
    if isinstance(container, Mapping):
        return has_key(container, value)
    return contains(container, value) if isinstance(container, list | tuple) else None


def bool_of(value: Boxed) -> bool | None:
    """A boxed value where a truth is needed."""
    return value if value is True or value is False else None
