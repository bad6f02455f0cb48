"""The texts of placements and treatments: their names, lengths and the attributes they name."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from engine.rulebook.attributes import Attributes, protected_problem
from engine.rulebook.doubts import merged_names
from engine.rulebook.fields import Fields
from engine.rulebook.nodes import MapNode, Node, Scalar
from engine.rulebook.readers import text
from engine.rulebook.rendering import UNSHOWN, Hole, Part, format_problem, is_blank
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.source import unshown

_DOUBLED: Final = re.compile(r"(?<!\{)\{\{\s*([\w.]+)\s*(?::[^{}]*)?\}\}(?!\})")
"""A name in doubled braces, as other programs fill texts."""


class Piece(NamedTuple):
    """A piece of a text: literal, or the name and format in a pair of braces, and where it begins."""

    literal: str
    name: str | None
    format: str
    offset: int


def pieces_of(written: str) -> list[Piece]:
    """A text taken apart at its braces; `{{` and `}}` stand for braces themselves.

    >>> [(p.literal, p.name, p.format) for p in pieces_of("Hi {customer.name}, {{you}}: {x:.0f} %")]
    [('Hi ', None, ''), ('', 'customer.name', ''), (', {you}: ', None, ''), ('', 'x', '.0f'), (' %', None, '')]

    Raises:
        ValueError: with the offset and what is wrong there.
    """
    pieces: list[Piece] = []
    literal, at = "", 0
    while at < len(written):
        character = written[at]
        if written[at : at + 2] in {"{{", "}}"}:
            literal += character
            at += 2
        elif character == "{":
            end = written.find("}", at)
            if end < 0:
                raise ValueError(at, "this '{' has no '}': write '{{' for a brace in the text")
            if literal:
                pieces.append(Piece(literal, None, "", at - len(literal)))
                literal = ""
            name, _, format_ = written[at + 1 : end].partition(":")
            pieces.append(Piece("", name.strip(), format_, at))
            at = end + 1
        elif character == "}":
            raise ValueError(at, "this '}' has no '{': write '}}' for a brace in the text")
        else:
            literal += character
            at += 1
    if literal:
        pieces.append(Piece(literal, None, "", at - len(literal)))
    return pieces


def read_fallback(
    node: Node | None, limits: Mapping[str, int], report: Report, place: Place
) -> dict[str, str]:
    """A placement's fallback: every text, none of them naming an attribute."""
    if node is None:
        return {}
    texts = _read(node, limits, report, "the fallback", place, None)
    return {name: "".join(str(part) for part in parts) for name, parts in texts.items()}


def read_texts(
    node: Node, limits: Mapping[str, int], attributes: Attributes, fields: Fields
) -> dict[str, tuple[Part, ...]]:
    """A treatment's texts: every text its placement shows and no other."""
    place = fields.key_place("texts")
    return _read(node, limits, fields.report, "the texts", place, attributes)


def _read(
    node: Node,
    limits: Mapping[str, int],
    report: Report,
    what: str,
    place: Place,
    attributes: Attributes | None,
) -> dict[str, tuple[Part, ...]]:
    """The texts in the order of `limits`; with empty `limits` (placement unknown) only their form."""
    fields = Fields(node, report, what, place)
    texts = {}
    names = limits or _keys(node)
    for name in names:
        fields.require(name)
        value = fields.node(name)
        if value is None:
            continue
        try:
            written = _visible(value)
            texts[name] = _parts(written, value, attributes, report)
        except Mistake as mistake:
            report.mistake(mistake)
            continue
        _check_length(name, texts[name], limits.get(name), value.place, report)
    fields.close()
    return texts


def _visible(node: Node) -> str:
    """A text of which something can be seen, and nothing in it is there for a machine."""
    found = text(node)
    if is_blank(found):
        raise Mistake((node.place, "the text is empty"))
    if stray := next((c for c in UNSHOWN.finditer(found) if c[0] != "\n"), None):
        place = node.place_of(stray.start()) if isinstance(node, Scalar) else node.place
        raise Mistake((place, unshown(stray[0])))
    return found


def _keys(node: Node) -> tuple[str, ...]:
    return tuple(node.entries) if isinstance(node, MapNode) else ()


def _check_length(
    name: str, parts: tuple[Part, ...], limit: int | None, place: Place, report: Report
) -> None:
    """What is literal in a text must fit; what fills it is not known yet and counts nothing."""
    length = sum(len(part) for part in parts if isinstance(part, str))
    if limit is not None and length > limit:
        report.error(place, f"{name} is {length} characters long; the placement shows {limit}")


def _parts(
    written: str, node: Node, attributes: Attributes | None, report: Report
) -> tuple[Part, ...]:
    place_of = node.place_of if isinstance(node, Scalar) else lambda _: node.place
    try:
        pieces = pieces_of(written)
    except ValueError as error:
        offset, message = error.args
        raise Mistake((place_of(offset), message)) from None
    for doubled in _DOUBLED.finditer(written):
        if attributes is not None and doubled[1] in attributes.index:
            said = f"this shows {{{doubled[1]}}} as it stands: write single braces"
            raise Mistake((place_of(doubled.start()), said))
    known = () if attributes is None else attributes.index
    for offset, found, name in merged_names(written, known):
        report.error(place_of(offset), f"this shows {found} as it stands: write {{{name}}}")
    parts: list[Part] = []
    for piece in pieces:
        if piece.name is None:
            parts.append(piece.literal)
            continue
        hole, problem = _hole(piece, attributes, str(place_of(piece.offset)))
        parts.extend([hole] if hole else [])
        if problem:
            report.error(place_of(piece.offset), problem)
    return tuple(parts)


def _hole(
    piece: Piece, attributes: Attributes | None, place: str
) -> tuple[Hole | None, str | None]:
    """What fills a pair of braces, or what is wrong with it."""
    name = piece.name or ""
    if attributes is None:
        return None, "a fallback cannot name attributes: it must do for everybody"
    problem = attributes.names.problem(name)
    if problem:
        if "!" in name and (bare := name.partition("!")[0]) in attributes.index:
            problem = f"'{name}' is no attribute. Did you mean '{bare}'?"
        return None, problem if name else "which attribute? Write '{{}}' for braces in the text"
    attribute = attributes.named(name)
    if attribute is None:
        return None, None
    if attribute.protected:
        return None, protected_problem(attribute)
    return (
        Hole(attribute.index, attribute.type.kind, piece.format, name, place),
        format_problem(attribute.type, piece.format),
    )
