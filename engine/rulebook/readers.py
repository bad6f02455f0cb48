"""Readers: what one value under a key must be. Each takes a node and raises `Mistake` if it is not."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from engine.model import Micros
from engine.rulebook.cel.habits import CONSTANTS
from engine.rulebook.names import IDENTIFIER, Names, did_you_mean
from engine.rulebook.nodes import (
    ListNode,
    MapNode,
    Node,
    Scalar,
    core_value,
    described,
    shortened,
)
from engine.rulebook.report import Mistake, Place
from engine.rulebook.spellings import clock_meant, length_meant, zone_meant
from engine.rulebook.times import duration_of, zone_of

T = TypeVar("T")
LARGEST: Final = 1e18
"""The largest number a rule file may hold."""
_AMOUNT = re.compile(
    r"(?P<money>(?:[€$£¥₦₹]|[A-Z]{3}\s)?)\s*(?P<number>[-+]?[0-9](?:[0-9.,_'\s]*[0-9])?)\s*"
    r"(?P<unit>(?:[€$£¥₦₹%]|[A-Z]{3}|euros?|percent)?)"
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
R = TypeVar("R", bound=Callable[..., object])
Reader: TypeAlias = Callable[[Node], T]
SCALAR: Final = ("string", "number", "boolean")


def allowing(**schema: object) -> Callable[[R], R]:
    """Marks a reader with what it allows, in the words of JSON Schema.

    A schema may allow more than its reader does, never less. `names` stands for the names of a kind.
    """

    def marked(reader: R) -> R:
        reader.__dict__["schema"] = schema
        return reader

    return marked


def allowed(reader: object) -> Mapping[str, object]:
    """What a reader says it allows; empty, which is anything, if it does not say."""
    schema: Mapping[str, object] = getattr(reader, "schema", {})
    return schema


@allowing(type="string")
def text(node: Node) -> str:
    """A text. What YAML takes for a number, true, false or null must be quoted to be one."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Scalar) and node.value is not None:
        raise Mistake((node.place, f"expected text, found {described(node)}: put it in quotes"))
    hint = ". Put a text that begins with '{' or '[' in quotes" if _is_flow(node) else ""
    raise Mistake((node.place, f"expected text, found {described(node)}{hint}"))


def _is_flow(node: Node) -> bool:
    match node:
        case MapNode():
            return not node.entries or all(
                isinstance(value, Scalar) and value.place.line == node.place.line
                for _, value in node.entries.values()
            )
        case ListNode():
            return all(item.place.line == node.place.line for item in node.items)
        case _:
            return False


@allowing(type="string", pattern=r"\S")
def words(node: Node) -> str:
    """A text that is not blank."""
    found = text(node)
    if not found.strip():
        raise Mistake((node.place, "the text is empty"))
    return found


@allowing(type=SCALAR)
def scalar(node: Node) -> Scalar:
    """Any single value that is not null."""
    if isinstance(node, Scalar) and (node.value is not None or node.style):
        return node
    raise Mistake((node.place, f"expected one value, found {described(node)}"))


@allowing(type=SCALAR)
def as_written(node: Node) -> str:
    """Any single value as it is written: `2026` and `true` are texts here."""
    return scalar(node).text


@allowing(type="string", pattern=f"^{IDENTIFIER.pattern}$")
def identifier(node: Node) -> str:
    """A name for something: letters, digits, `_`, `-` and `.`, at most 100 characters."""
    found = text(node)
    if IDENTIFIER.fullmatch(found):
        return found
    raise Mistake((node.place, identifier_problem(found)))


def identifier_problem(found: str) -> str:
    """What to say of a name that is none."""
    said = f"'{shortened(found)}' is no name: use up to 100 letters, digits, '_', '-' and '.'"
    joined = re.sub(r"\s+", "_", found.strip())
    return f"{said}, as in {joined}" if IDENTIFIER.fullmatch(joined) else said


@allowing(type="boolean")
def flag(node: Node) -> bool:
    """True or false."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    raise Mistake((node.place, f"expected true or false, found {described(node)}{meant(node)}"))


def meant(node: Node) -> str:
    """What to write instead of a text where a flag or number is wanted, to end a message with.

    >>> from engine.rulebook.source import SourceFile
    >>> meant(Scalar(SourceFile.of("f", "no"), 0, 2, "", "no", "no"))
    ': write false'
    """
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return ""
    if isinstance(core_value(node.text), bool | int | float):
        return ": remove the quotes"
    if (flag_ := CONSTANTS.get(node.text.lower())) in {"true", "false"}:
        return f": write {flag_}"
    return amount_meant(node.text)


def amount_meant(written: str, most: float = math.inf) -> str:
    """How to write a number that has a comma, a currency or a percent sign; empty if it has none.

    >>> amount_meant("4,50"), amount_meant("1,000"), amount_meant("€40"), amount_meant("5 %", 1)
    (': write 4.50', ': write 1000', ': write the number only, 40', ': write 0.05')
    """
    match = _AMOUNT.fullmatch(written.strip())
    if match is None:
        return ""
    digits = re.sub(r"[_'\s]", "", match["number"])
    point = max(digits.rfind(","), digits.rfind("."))
    sign = digits[point] if point >= 0 else ""
    if re.fullmatch(rf"[-+]?[0-9]{{1,3}}(\{sign}[0-9]{{3}})+", digits) and (
        sign == "," or digits.count(sign) > 1
    ):
        digits = digits.replace(sign, "")
    elif sign:
        digits = re.sub("[,.]", "", digits[:point]) + "." + digits[point + 1 :]
    if not isinstance(core_value(digits), int | float) or digits == written.strip():
        return ""
    if "%" in match["unit"] and most <= 1:
        return f": write {float(digits) / 100:g}"
    return (
        f": write the number only, {digits}"
        if match["unit"] or match["money"]
        else f": write {digits}"
    )


def number(least: float = -math.inf, most: float = math.inf) -> Reader[float]:
    """A finite number from `least` to `most`."""

    def read(node: Node) -> float:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            hint = meant(node)
            if isinstance(node, Scalar) and "%" in node.text:
                hint = amount_meant(node.text, most)
            raise Mistake((node.place, f"expected a number, found {described(node)}{hint}"))
        if problem := range_problem(value, least, most):
            raise Mistake((node.place, f"{described(node)} is {problem}"))
        return float(value)

    return allowing(type="number", **_limits(least, most))(read)


def range_problem(value: float, least: float, most: float) -> str | None:
    """What a number that is not from `least` to `most` is instead; None if it is.

    >>> range_problem(-40, 0, math.inf), range_problem(math.inf, 0, math.inf)
    ('not at least 0', 'not at most 1e+18')
    """
    low, high = max(least, -LARGEST), min(most, LARGEST)
    if low <= value <= high:
        return None
    if math.isnan(value):
        return "nothing to reckon with"
    if low > -LARGEST and high < LARGEST:
        return f"not between {low:g} and {high:g}"
    return f"not at most {high:g}" if value > high else f"not at least {low:g}"


def whole(least: int, most: int = 10**15) -> Reader[int]:
    """A whole number from `least` to `most`."""

    def read(node: Node) -> int:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int):
            found = f"{described(node)}{meant(node)}"
            raise Mistake((node.place, f"expected a whole number, found {found}"))
        if not least <= value <= most:
            span = f"between {least:g} and {most:g}"
            if most >= 10**15:
                span = f"at most {most:g}" if value > most else f"at least {least:g}"
            raise Mistake((node.place, f"{described(node)} is not {span}"))
        return value

    return allowing(type="integer", **_limits(least, most))(read)


def _limits(least: float, most: float) -> dict[str, float]:
    limits = {"minimum": least, "maximum": most}
    return {name: limit for name, limit in limits.items() if abs(limit) < 10**15}


@allowing(type="string", pattern="^[0-9]*[1-9][0-9]*[smhdw]$")
def duration(node: Node) -> Micros:
    """A positive length of time in microseconds."""
    length = duration_of(node.text) if isinstance(node, Scalar) else None
    if length is None:
        hint = length_meant(node.text) if isinstance(node, Scalar) else ""
        said = f"expected a length of time like 90s, 30m, 12h, 7d or 2w, found {described(node)}"
        raise Mistake((node.place, said + hint))
    return length


def duration_up_to(longest: Micros, said: str) -> Reader[Micros]:
    """A positive length of time of at most `longest` microseconds; `said` of what is longer."""

    def read(node: Node) -> Micros:
        length = duration(node)
        if length > longest:
            raise Mistake((node.place, said))
        return length

    return allowing(**allowed(duration))(read)


@allowing(type="string")
def time_of_day(node: Node) -> int:
    """A time of the day, in minutes after midnight, [0, 1440)."""
    if isinstance(node, Scalar) and _CLOCK.fullmatch(node.text):
        hours, minutes = node.text.split(":")
        return int(hours) * 60 + int(minutes)
    hint = clock_meant(node.text) if isinstance(node, Scalar) else ""
    message = f"expected a time of day like 21:00, found {described(node)}{hint}"
    raise Mistake((node.place, message))


@allowing(type="string")
def zone(node: Node) -> ZoneInfo:
    """An IANA time zone."""
    found = zone_of(text(node))
    if found is None:
        from zoneinfo import available_timezones

        name = text(node)
        hint = zone_meant(name, available_timezones())
        raise Mistake((node.place, f"unknown time zone '{shortened(name)}'.{hint}"))
    return found


def one_of(kind: str, allowed: Iterable[str]) -> Reader[str]:
    """One of a few words."""
    choices = tuple(allowed)

    def read(node: Node) -> str:
        found = text(node)
        if found in choices:
            return found
        hint = did_you_mean(found, choices)
        raise Mistake(
            (
                node.place,
                f"'{shortened(found)}' is no {kind} ({', '.join(choices)}).{hint}",
            )
        )

    return allowing(enum=choices)(read)


def reference(names: Names) -> Reader[str]:
    """The name of something declared elsewhere."""

    def read(node: Node) -> str:
        found = text(node)
        problem = names.problem(found)
        if problem:
            raise Mistake((node.place, problem))
        return found

    return allowing(names=names.kind)(read)


def list_of(reader: Reader[T], *, least: int = 0) -> Reader[tuple[T, ...]]:
    """A list, each item of which is read by `reader`; equal items are an error."""

    def read(node: Node) -> tuple[T, ...]:
        if not isinstance(node, ListNode):
            hint = f": write [{node.text}]" if isinstance(node, Scalar) and node.text else ""
            found_ = f"expected a list like [a, b], found {described(node)}{hint}"
            raise Mistake((node.place, found_))
        items: list[T] = []
        found: list[tuple[Place, str]] = []
        for item in node.items:
            try:
                value = reader(item)
            except Mistake as mistake:
                found += mistake.found
                continue
            if value in items:
                found.append((item.place, f"{described(item)} stands in this list twice"))
            items.append(value)
        if len(node.items) < least:
            found.append((node.place, "the list is empty"))
        if found:
            raise Mistake(*found)
        return tuple(items)

    return allowing(type="array", items=allowed(reader), minItems=least, uniqueItems=True)(read)
