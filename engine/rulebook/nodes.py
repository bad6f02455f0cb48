"""What YAML says, as nodes that know their places: scalars, lists and mappings."""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.rulebook.places import offsets_of
from engine.rulebook.report import Place
from engine.rulebook.source import SourceFile

Plain: TypeAlias = bool | int | float | str | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value. `text` is what is written, `value` what YAML 1.2's core schema makes of it.

    `start` and `end` bound it in the file, quotes included; `style` is YAML's: `'`, `"`, `|`, `>`
    or empty for a plain one. `broken`: it is no value of ours, which has been reported already.
    """

    source: SourceFile = field(repr=False)
    start: int
    end: int
    style: str
    text: str
    value: Plain
    broken: bool = False

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.source.place(self.start)

    def place_of(self, offset: int) -> Place:
        """Where in the file the character of `text` at `offset` is written."""
        raw = self.source.text[self.start : self.end]
        offsets = offsets_of(raw, self.style, self.text)
        return self.source.place(self.start + offsets[max(0, min(offset, len(self.text)))])


class Implied(Scalar):
    """A text that nobody wrote: what is written at its place means this."""

    __slots__ = ()

    def place_of(self, offset: int) -> Place:  # noqa: ARG002 -- no character of it is written anywhere
        """Where what means it begins."""
        return self.place


@dataclass(frozen=True, slots=True, eq=False)
class ListNode:
    """A sequence."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, eq=False)
class MapNode:
    """A mapping: its keys in the order of the file, and what stands under each.

    `emptied` are keys whose value could not be read, or that have none where something else could not
    be read: they may have had one. `whole` is False if keys themselves may be lost.
    """

    place: Place
    entries: dict[str, tuple[Scalar, "Node"]]
    emptied: frozenset[str] = frozenset()
    whole: bool = True


Node: TypeAlias = Scalar | ListNode | MapNode


def core_value(text: str) -> Plain:
    """What an unquoted scalar means in YAML 1.2's core schema.

    >>> [core_value(text) for text in ("no", "21:30", "true", "4.50", "0x10", "~", "2026-11-01")]
    ['no', '21:30', True, 4.5, 16, None, '2026-11-01']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text


def described(node: Node) -> str:
    """What a node is, for "expected …, found …".

    >>> described(Scalar(SourceFile.of("f", "5"), 0, 1, "", "5", 5))
    'the number 5'
    """
    match node:
        case ListNode():
            return "a list"
        case MapNode():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return node.text
        case Scalar(value=int() | float()):
            return f"the number {shortened(node.text)}"
        case _:
            return f"'{shortened(node.text)}'"


def shortened(text: str, limit: int = 60) -> str:
    """One line of a text, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
