"""Reads the checker's output (`cel.expr.CheckedExpr` or `ParsedExpr`, protobuf) into a syntax tree.

The message classes are not part of any package we depend on, and protobuf's own parser gives up
on trees deeper than a hundred messages, so the few fields needed are read here by number.
Field numbers: google/cel-spec, proto/cel/expr/{syntax,checked}.proto.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.rulebook.cel.tree import (
    DYN,
    Call,
    CelType,
    Constant,
    Fold,
    ListOf,
    MapOf,
    Name,
    Node,
    Select,
    Unsupported,
    start,
)

Fields = dict[int, list[int | bytes]]

_PRIMITIVES = ("dyn", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN = ("dyn", "dyn", "timestamp", "duration")


_FIXED = {1: 8, 5: 4}
"""Bytes of the wire types that have a fixed size."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Fields:
    """A message's fields by number, each with all its values in order."""
    fields: Fields = {}
    at, end = 0, len(data)
    while at < end:
        tag, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
        value: int | bytes
        wire_type = tag & 7
        if wire_type == 2:
            size, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            value, at = data[at : at + size], at + size
        elif wire_type == 0:
            value, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
        elif wire_type in _FIXED:
            size = _FIXED[wire_type]
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"protobuf wire type {wire_type}")
        if (values := fields.get(tag >> 3)) is None:
            fields[tag >> 3] = [value]
        else:
            values.append(value)
    return fields


def _message(fields: Fields, number: int) -> bytes:
    value = fields.get(number, (b"",))[-1]
    return value if isinstance(value, bytes) else b""


def _integer(fields: Fields, number: int) -> int:
    value = fields.get(number, (0,))[-1]
    return value if isinstance(value, int) else 0


def _text(fields: Fields, number: int) -> str:
    return _message(fields, number).decode()


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


@lru_cache(maxsize=1024)
def _type(data: bytes) -> CelType:
    """A `cel.expr.Type`."""
    fields = _fields(data)
    number = next(iter(fields), 1)
    body = _message(fields, number)
    match number:
        case 2:
            return CelType("null")
        case 3:
            return CelType(_PRIMITIVES[_integer(fields, 3)])
        case 4:
            return CelType("wrapper", (CelType(_PRIMITIVES[_integer(fields, 4)]),))
        case 5:
            return CelType(_WELL_KNOWN[_integer(fields, 5)])
        case 6:
            return CelType("list", (_type(_message(_fields(body), 1)),))
        case 7:
            entry = _fields(body)
            return CelType("map", (_type(_message(entry, 1)), _type(_message(entry, 2))))
        case 9:
            return CelType(body.decode())
        case 11:
            return CelType("type", (_type(body),) if body else ())
        case 12:
            return CelType("error")
        case 14:
            return CelType(_text(_fields(body), 1))
        case _:
            return DYN


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the nodes of one expression are looked up in, by their id."""

    types: Mapping[int, CelType]
    references: Mapping[int, str]
    positions: Mapping[int, int]

    def node(self, data: bytes) -> Node:
        """An `Expr`, with everything below it."""
        fields = _fields(data)
        identity = _signed(_integer(fields, 2))
        type_ = self.types.get(identity, DYN)
        offset = self.positions.get(identity, 0)
        kind = next((number for number in fields if number != 2), 0)
        body = _message(fields, kind)
        resolved = self.references.get(identity, "")
        match kind:
            case 3:
                return _constant(offset, _fields(body))
            case 4:
                return self._name(type_, offset, resolved, _text(_fields(body), 1))
            case 5:
                select = self._select(type_, offset, _fields(body))
                return Name(type_, start(select), resolved) if resolved else select
            case 6:
                return self._call(type_, offset, _fields(body))
            case 7:
                return self._list(type_, offset, _fields(body))
            case 8:
                return self._struct(type_, offset, _fields(body))
            case 9:
                return self._fold(type_, offset, _fields(body))
            case _:
                return Unsupported(type_, offset, "an unspecified expression")

    def _name(self, type_: CelType, offset: int, resolved: str, written: str) -> Node:
        """A name; one written with a leading dot, which no loop variable can hide, keeps the dot."""
        name = resolved or written
        return Name(type_, offset, f".{name}" if written[0] == "." != name[0] else name)

    def _child(self, fields: Fields, number: int) -> Node:
        return self.node(_message(fields, number))

    def _children(self, fields: Fields, number: int) -> tuple[Node, ...]:
        return tuple(self.node(d) for d in fields.get(number, ()) if isinstance(d, bytes))

    def _select(self, type_: CelType, offset: int, fields: Fields) -> Select:
        operand = self._child(fields, 1)
        return Select(type_, offset, operand, _text(fields, 2), bool(_integer(fields, 3)))

    def _call(self, type_: CelType, offset: int, fields: Fields) -> Node:
        arguments = self._children(fields, 3)
        method = 1 in fields
        if method:
            arguments = (self._child(fields, 1), *arguments)
        return Call(type_, offset, _text(fields, 2), arguments, method)

    def _list(self, type_: CelType, offset: int, fields: Fields) -> Node:
        if 2 in fields:
            return Unsupported(type_, offset, "an optional element")
        return ListOf(type_, offset, self._children(fields, 1))

    def _struct(self, type_: CelType, offset: int, fields: Fields) -> Node:
        if name := _text(fields, 1):
            return Unsupported(type_, offset, f"a message of type {name}")
        entries = [_fields(d) for d in fields.get(2, ()) if isinstance(d, bytes)]
        if any(5 in entry for entry in entries):
            return Unsupported(type_, offset, "an optional entry")
        pairs = tuple((self._child(e, 3), self._child(e, 4)) for e in entries)
        return MapOf(type_, offset, pairs)

    def _fold(self, type_: CelType, offset: int, fields: Fields) -> Node:
        if 8 in fields:
            return Unsupported(type_, offset, "a macro with two variables")
        parts = [self._child(fields, number) for number in (2, 4, 5, 6, 7)]
        return Fold(type_, offset, _text(fields, 1), parts[0], _text(fields, 3), *parts[1:])


def _constant(offset: int, fields: Fields) -> Node:
    number = next(iter(fields), 1)
    body = _message(fields, number)
    integer = _integer(fields, number)
    match number:
        case 1:
            return Constant(CelType("null"), offset, None)
        case 2:
            return Constant(CelType("bool"), offset, bool(integer))
        case 3:
            return Constant(CelType("int"), offset, _signed(integer))
        case 4:
            return Constant(CelType("uint"), offset, integer)
        case 5:
            return _double(offset, struct.unpack("<d", body)[0])
        case 6:
            return Constant(CelType("string"), offset, body.decode())
        case 7:
            return Constant(CelType("bytes"), offset, body)
        case _:
            return Unsupported(DYN, offset, "a literal of this kind")


def _double(offset: int, value: float) -> Node:
    """A double; -0.0 as the negation of 0.0, so that equal nodes mean the same."""
    double = CelType("double")
    if value == 0 and str(value) == "-0.0":
        return Call(double, offset, "-_", (Constant(double, offset, 0.0),), method=False)
    return Constant(double, offset, value)


def _mapping(fields: Fields, number: int) -> dict[int, Fields]:
    """A `map<int64, …>` field: entries by key, the value still in field 2 of the entry."""
    entries = (_fields(d) for d in fields.get(number, ()) if isinstance(d, bytes))
    return {_signed(_integer(entry, 1)): entry for entry in entries}


def read(data: bytes) -> Node:
    """The tree of what `Expression.serialize()` returned: an `Any` around either message.

    Raises ValueError if it is neither.
    """
    envelope = _fields(data)
    fields = _fields(_message(envelope, 2))
    kind = _text(envelope, 1).rpartition(".")[2]
    if kind not in {"CheckedExpr", "ParsedExpr"}:
        raise ValueError(f"an unknown message {kind!r}")
    checked = kind == "CheckedExpr"
    root, source = (4, 5) if checked else (2, 3)
    positions = _mapping(_fields(_message(fields, source)), 4)
    reader = _Reader(
        types={k: _type(_message(e, 2)) for k, e in _mapping(fields, 3).items()} if checked else {},
        references=_references(fields) if checked else {},
        positions={k: _integer(e, 2) for k, e in positions.items()},
    )
    return reader.node(_message(fields, root))


def _references(fields: Fields) -> dict[int, str]:
    """Names the checker resolved variables to; functions are not looked up here."""
    found = {k: _fields(_message(e, 2)) for k, e in _mapping(fields, 2).items()}
    return {k: _text(f, 1) for k, f in found.items() if 1 in f and 3 not in f}
