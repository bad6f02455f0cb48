"""Filling a treatment's texts with attribute values, in formats that cannot fail while deciding."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias

from engine.model import DAY, HOUR, MINUTE, SECOND, Micros, Value
from engine.rulebook.book import Kind, Misfit, Type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\+?(0?[0-9]{1,2})?,?(\.[0-9]{1,2})?[dfg%]?", re.ASCII)
_CUT = re.compile(r"\.[0-9]{1,3}", re.ASCII)
_DATE = re.compile(r"(?:[^%{}]|%-?[aAbBdeHIjmMpSuyY%]){1,40}", re.ASCII)
UNSHOWN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff\\ufff0-\\uffff]"
)
"""Characters no text can show: control characters, line ends, what turns the direction of reading."""
_INVISIBLE = re.compile(
    "[\\xad\\u115f\\u1160\\u200b-\\u200f\\u2060-\\u2064\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff]"
)
_NO_LIMIT: Final = 1 << 30
_UNITS: Final = {"days": DAY, "hours": HOUR, "minutes": MINUTE, "seconds": SECOND}


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a text that an attribute fills: `index` in the values, its kind, and the format."""

    index: int
    kind: Kind
    format: str
    name: str = ""
    place: str = ""


Part: TypeAlias = str | Hole


@dataclass(frozen=True, slots=True)
class FixedTexts:
    """Texts with nothing to fill: the same mapping each time."""

    texts: Mapping[str, str]

    def __call__(self, values: Sequence[Value]) -> Mapping[str, str]:  # noqa: ARG002  # as FilledTexts
        """The texts."""
        return self.texts


@dataclass(frozen=True, slots=True)
class FilledTexts:
    """Texts whose holes are filled from the values; never raises, whatever the values are."""

    parts: Mapping[str, tuple[Part, ...]]

    def __call__(self, values: Sequence[Value]) -> Mapping[str, str]:
        """The texts with their holes filled."""
        return {
            name: "".join(
                part if isinstance(part, str) else shown(values[part.index], part) for part in parts
            )
            for name, parts in self.parts.items()
        }


def rendering(texts: Mapping[str, tuple[Part, ...]]) -> FixedTexts | FilledTexts:
    """The cheapest way to fill these texts."""
    if any(isinstance(part, Hole) for parts in texts.values() for part in parts):
        return FilledTexts(texts)
    return FixedTexts({name: "".join(str(part) for part in parts) for name, parts in texts.items()})


@dataclass(frozen=True, slots=True)
class FittingTexts:
    """Says whether texts can be shown once they are filled; never raises, whatever the values are.

    `texts` are those with holes.
    """

    texts: tuple["Room", ...]

    def __call__(self, values: Sequence[Value]) -> bool:
        """True if every attribute has something to show and no text gets too long."""
        for _, room, holes, _ in self.texts:
            length = 0
            for hole in holes:
                value = values[hole.index]
                filled = shown(value, hole)
                length += len(filled)
                plain = filled.isascii() and filled.isprintable() and filled.strip()
                if length > room or not plain or _hollow(value):
                    return self.misfit(values) is None
        return True

    def misfit(self, values: Sequence[Value]) -> Misfit | None:
        """Why the filled texts cannot be shown; None if they can."""
        for name, room, holes, place in self.texts:
            filled = [(hole, shown(values[hole.index], hole)) for hole in holes]
            for hole, text in filled:
                if problem := _hollow(values[hole.index]) or _unshowable(text):
                    return Misfit(f"{hole.name} {problem}", hole.place)
            length = sum(len(text) for _, text in filled)
            if length > room:
                named = ", ".join(dict.fromkeys(hole.name for hole in holes))
                over = f"{length - room} character{'s' if length - room > 1 else ''}"
                return Misfit(f"{name} gets {over} too long with {named} filled in", place)
        return None


class Room(NamedTuple):
    """The name of a text, how many characters its holes may have together, they, and its place."""

    name: str
    room: int
    holes: tuple[Hole, ...]
    place: str = ""


def fitting(
    texts: Mapping[str, tuple[Part, ...]],
    limits: Mapping[str, int],
    places: Mapping[str, str] | None = None,
) -> FittingTexts:
    """What says whether these texts, once filled, are no longer than `limits` (by name) allow."""
    found = []
    for name, parts in texts.items():
        holes = tuple(part for part in parts if isinstance(part, Hole))
        literal = sum(len(part) for part in parts if isinstance(part, str))
        if holes:
            room = limits.get(name, _NO_LIMIT) - literal
            found.append(Room(name, room, holes, (places or {}).get(name, "")))
    return FittingTexts(tuple(found))


def _hollow(value: Value) -> str | None:
    """What is wrong with a value that can be printed and still says nothing."""
    if isinstance(value, float) and not isfinite(value):
        return "is no number"
    if isinstance(value, (list, tuple)) and any(is_blank(str(item)) for item in value):
        return "has a blank in it"
    return None


def _unshowable(filled: str) -> str | None:
    """What is wrong with showing a value filled in like this; None if nothing is."""
    if is_blank(filled):
        return "is blank"
    return "has a character in it that cannot be shown" if UNSHOWN.search(filled) else None


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen.

    >>> is_blank(" \u200b"), is_blank("0")
    (True, False)
    """
    return not _INVISIBLE.sub("", text).strip()


def format_problem(type_: Type, format_: str) -> str | None:
    """Why a type cannot be shown in this format; None if it can.

    >>> format_problem(Type(Kind.DOUBLE), ".0f") is None
    True
    >>> format_problem(Type(Kind.DOUBLE), ".0d")
    "'.0d' is no format for a double: write e.g. .0f, .2f or ,.2f"
    """
    if type_.kind is Kind.MAP or (type_.element and type_.element.element):
        return f"a {type_} cannot be shown in a text"
    if not format_:
        return None
    pattern, example = _FORMATS[type_.kind]
    fits = bool(pattern and pattern.fullmatch(format_))
    if fits and type_.kind in {Kind.INT, Kind.DOUBLE}:
        fits = _formats(1 if type_.kind is Kind.INT else 1.5, format_)
    return None if fits else f"'{format_}' is no format for a {type_}: {example}"


_FORMATS: Final[Mapping[Kind, tuple[re.Pattern[str] | None, str]]] = {
    Kind.BOOL: (None, "it has none"),
    Kind.INT: (_NUMBER, "write e.g. d, ',' or 02d"),
    Kind.DOUBLE: (_NUMBER, "write e.g. .0f, .2f or ,.2f"),
    Kind.STRING: (_CUT, "write e.g. .20 to show at most 20 characters"),
    Kind.TIMESTAMP: (_DATE, "write e.g. %d %B %Y or %H:%M"),
    Kind.DURATION: (re.compile("|".join(_UNITS)), f"write one of {', '.join(_UNITS)}"),
    Kind.LIST: (None, "it has none"),
}


def _formats(sample: float, format_: str) -> bool:
    try:
        format(sample, format_)
    except ValueError:
        return False
    return True


def shown(value: Value, hole: Hole) -> str:
    """A value as a reader of the text sees it; of another type than declared, as Python prints it."""
    try:
        return _SHOWN[hole.kind](value, hole.format)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return str(value)


def _number(value: Any, format_: str) -> str:
    if format_:
        return format(value, format_)
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _moment(value: Any, format_: str) -> str:
    moment = _EPOCH + timedelta(microseconds=value)
    return moment.strftime(format_) if format_ else moment.date().isoformat()


def _length(value: Any, format_: str) -> str:
    length: Micros = int(value)
    if format_:
        return str(length // _UNITS[format_])
    unit = next((unit for unit, size in _UNITS.items() if length >= size), "seconds")
    count = length // _UNITS[unit]
    return f"{count} {unit[:-1] if count == 1 else unit}"


_SHOWN: Final[Mapping[Kind, Callable[[Any, str], str]]] = {
    Kind.BOOL: lambda value, _: "yes" if value else "no",
    Kind.INT: format,
    Kind.DOUBLE: _number,
    Kind.STRING: format,
    Kind.TIMESTAMP: _moment,
    Kind.DURATION: _length,
    Kind.LIST: lambda value, _: ", ".join(str(item) for item in value),
}
