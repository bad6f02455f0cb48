"""Admission: what callers may say of the attributes a rule book declares, and how a refusal reads."""

import re
from collections.abc import Mapping, MutableSequence
from sys import intern
from typing import Final, TypeAlias

from engine.edges.grpc.port import Engine
from engine.edges.grpc.values import Reader, Unfit, closest, read_any, reader_of
from engine.errors import NoRuleBook, Violation
from engine.model import Interaction, Value
from engine.rulebook.book import RuleBook
from engine.triggers.triggers import FIRED
from engine.wire.event_pb2 import Interaction as InteractionMessage
from engine.wire.value_pb2 import AttributeValue

Violations: TypeAlias = MutableSequence[Violation]

ID_BYTES: Final = 128
ATTRIBUTES: Final = 1_000

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FILLED: Final = frozenset({"request.channel", "request.placement", "now"})
_SUGGESTIONS: Final = 3


class Admission:
    """Reads attributes by what one rule book declares; made once for each book."""

    __slots__ = ("_context", "_declared", "_kept", "_names", "_profile", "book")

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._names = tuple(a.name for a in book.attributes)
        self._declared = {a.name: reader_of(a, None) for a in book.attributes}
        self._context = {
            a.name: reader_of(a, a.default) for a in book.attributes if a.name not in _FILLED
        }
        self._kept = frozenset(a.name for a in book.attributes if a.source)
        self._profile = {
            name: reader
            for name, reader in self._declared.items()
            if name not in _FILLED | self._kept and not name.startswith("request.")
        }

    def context(self, entries: Mapping[str, AttributeValue], wrong: Violations) -> dict[str, Value]:
        """Attributes for one request: what is sent without a value stands for absent."""
        return self._read(entries, self._context, "context", wrong)

    def profile(
        self, entries: Mapping[str, AttributeValue], path: str, wrong: Violations
    ) -> dict[str, Value]:
        """Attributes to be stored: None removes one."""
        return self._read(entries, self._profile, path, wrong)

    def described(
        self, entries: Mapping[str, AttributeValue], path: str, wrong: Violations
    ) -> dict[str, Value]:
        """Attributes of an interaction: of the declared type where declared, else of any."""
        return read_each(entries, self._declared, path, wrong)

    def _read(
        self,
        entries: Mapping[str, AttributeValue],
        readers: Mapping[str, Reader],
        path: str,
        wrong: Violations,
    ) -> dict[str, Value]:
        """The values by name; of each name there is one string, however many customers have it."""
        if len(entries) > ATTRIBUTES:
            wrong.append(
                Violation(
                    path, f"has {len(entries):,} attributes; at most {ATTRIBUTES:,} are taken"
                )
            )
            return {}
        try:
            return {intern(name): readers[name](entries[name]) for name in entries}
        except (KeyError, Unfit):
            self._refuse(entries, readers, path, wrong)
            return {}

    def _refuse(
        self,
        entries: Mapping[str, AttributeValue],
        readers: Mapping[str, Reader],
        path: str,
        wrong: Violations,
    ) -> None:
        """Notes all that is wrong, once it is known that something is."""
        known = {name: entries[name] for name in entries if name in readers}
        read_each(known, readers, path, wrong)
        for i, name in enumerate(n for n in entries if n not in readers):
            wrong.append(Violation(f'{path}["{name}"]', self._refused(name, i)))

    def _refused(self, name: str, before: int) -> str:
        if name in _FILLED:
            return "is filled in by the engine and cannot be set"
        if name in self._kept:
            return (
                "is kept from events and cannot be stored; record the events, or send it as context"
            )
        if name in self._declared:
            return "belongs to a single request and cannot be stored; send it as context"
        hint = closest(name, self._names) if before < _SUGGESTIONS else ""
        return f"is not an attribute of the rule book.{hint}"


class Admissions:
    """The admission of whichever rule book is in force."""

    __slots__ = ("_engine", "_last")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: Admission | None = None

    def current(self) -> Admission:
        """Raises NoRuleBook if none has been loaded yet."""
        admission = self.known()
        if admission is None:
            raise NoRuleBook("no rule book is loaded; GetRuleBookStatus says why")
        return admission

    def known(self) -> Admission | None:
        """None if no rule book has been loaded yet."""
        book, last = self._engine.book, self._last
        if book is None or (last is not None and last.book is book):
            return last
        self._last = Admission(book)
        return self._last


def read_each(
    entries: Mapping[str, AttributeValue],
    readers: Mapping[str, Reader],
    path: str,
    wrong: Violations,
) -> dict[str, Value]:
    """Every entry by its reader, or as it comes if it has none."""
    values: dict[str, Value] = {}
    for name in entries:
        try:
            values[name] = readers.get(name, read_any)(entries[name])
        except Unfit as unfit:
            wrong.append(Violation(f'{path}["{name}"]', str(unfit)))
    return values


def interaction_of(
    message: InteractionMessage, admission: Admission | None, path: str, wrong: Violations
) -> Interaction:
    """An interaction; without a rule book no attribute is declared."""
    check_own_id(message.type, f"{path}.type", wrong)
    if message.channel:
        check_id(message.channel, f"{path}.channel", wrong)
    entries, at = message.attributes, f"{path}.attributes"
    if not entries:
        return Interaction(message.type, message.channel)
    described = (
        admission.described(entries, at, wrong) if admission else read_each(entries, {}, at, wrong)
    )
    return Interaction(message.type, message.channel, described)


def check_own_id(text: str, field: str, wrong: Violations) -> None:
    """An id or word of the caller's that must not pass for one of a trigger's."""
    check_id(text, field, wrong)
    if text.startswith(FIRED):
        wrong.append(
            Violation(field, f"must not begin with '{FIRED}': such names are the engine's own")
        )


def check_id(text: str, field: str, wrong: Violations) -> None:
    """A required id or open word: 1 to 128 bytes of UTF-8 without control characters."""
    if text and len(text) <= ID_BYTES and text.isascii() and text.isprintable():
        return
    if not text:
        wrong.append(Violation(field, "must not be empty"))
    elif len(text.encode()) > ID_BYTES:
        wrong.append(
            Violation(field, f"must be at most {ID_BYTES} bytes, not {len(text.encode()):,}")
        )
    elif _CONTROL.search(text):
        wrong.append(Violation(field, "must not hold control characters"))
