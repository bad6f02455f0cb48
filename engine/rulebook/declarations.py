"""attributes.yaml: the declaration of every attribute a condition may speak of."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from engine.model import UNKNOWN, Value
from engine.rulebook.attribute_types import attribute_type, likely_type
from engine.rulebook.attributes import FILLED_BY_ENGINE, Attributes, written_value
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.fields import Fields, named
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, described, shortened
from engine.rulebook.readers import (
    Reader,
    allowing,
    duration,
    flag,
    list_of,
    number,
    one_of,
    text,
)
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.windows import Clause, with_windows

SENSITIVITIES: Final = (
    "public", "internal", "confidential", "restricted", "personal", "contact", "financial",
    "health", "location", "behavioural", "special", "sensitive", "protected",
)  # fmt: skip
MOST_ATTRIBUTES: Final = 5000
_DECISIVE: Final[Mapping[str, Reader[object]]] = {
    "type": likely_type,
    "nullable": flag,
    "values": list_of(text, least=1),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_NEVER: Final = frozenset({"true", "false", "null", "in"})
_NOT_FIRST: Final = frozenset(
    {
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
        "package", "namespace", "return", "var", "void", "while",
        "bool", "bytes", "double", "duration", "dyn", "int", "list", "map", "null_type", "string",
        "timestamp", "type", "uint",
    }
)  # fmt: skip


def read_attributes(root: Node | None, report: Report) -> Attributes:
    """What attributes.yaml declares.

    Raises:
        Mistake: if it is more than `MOST_ATTRIBUTES`.
    """
    if root is None:
        return Attributes()
    fields = Fields(root, report, "attributes.yaml")
    fields.require("attributes")
    section = fields.node("attributes")
    fields.close()
    if isinstance(section, MapNode) and len(section.entries) > MOST_ATTRIBUTES:
        said = f"more than {MOST_ATTRIBUTES} attributes: declare only what is used"
        raise Mistake((section.place, said))
    declared: list[Attribute] = []
    places: dict[str, Place] = {}
    doubtful: set[str] = set()
    clauses: list[Clause] = []
    for name, key, node in named(section, report, "attributes", _name_problem):
        problem = _name_problem(name)
        if problem or not (_is_plain(node) or name in FILLED_BY_ENGINE):
            doubtful.add(name)
        fields = Fields(node, report, f"attribute '{name}'", key.place)
        source = fields.node("from")
        fields.refuse_nothing("from", "which events it is kept from")
        if source is not None:
            clauses.append(Clause(len(declared), fields, source))
        declared.append(_attribute(len(declared), name, fields))
        places[name] = key.place
    _check_prefixes(places, report)
    attributes = Attributes(
        declared=tuple(declared),
        places=places,
        doubtful=frozenset(doubtful),
        lost=frozenset(report.lost.get(root.place.file, ())) - places.keys(),
        complete=isinstance(section, MapNode),
    )
    return with_windows(attributes, clauses)


def _is_plain(node: Node) -> bool:
    """Whether a declaration is good enough to check conditions by: type, values and null are told."""
    if not isinstance(node, MapNode):
        return False
    silent = Report()
    fields = Fields(node, silent, "")
    for key, reader in _DECISIVE.items():
        fields.take(key, reader, None)
    misspelt = any(fields.misspelt(key) for key in _DECISIVE)
    return "type" in fields and not silent.errors and not misspelt


def _name_problem(name: str) -> str | None:
    """What keeps a name from being used in conditions."""
    if not _NAME.fullmatch(name) or len(name) > 100:
        return (
            f"'{shortened(name)}' is no attribute name: use words of letters, digits and '_' that "
            "begin with a letter, joined by '.'"
        )
    segments = name.split(".")
    reserved = sorted(_NEVER.intersection(segments) or _NOT_FIRST.intersection(segments[:1]))
    return f"'{reserved[0]}' is a word of the condition language: rename it" if reserved else None


def _check_prefixes(places: Mapping[str, Place], report: Report) -> None:
    """`telco` and `telco.plan` cannot both be attributes: a condition could not tell them apart."""
    for name, place in places.items():
        segments = name.split(".")
        for length in range(1, len(segments)):
            prefix = ".".join(segments[:length])
            if prefix in places:
                report.error(place, f"'{prefix}' is an attribute itself, so '{name}' cannot be one")


def _attribute(index: int, name: str, fields: Fields) -> Attribute:
    nullable = fields.take("nullable", flag, filler=False)
    attribute = Attribute(
        index=index,
        name=name,
        type=Type(Kind.STRING),
        values=fields.take("values", list_of(text, least=1), ()),
        range=fields.take("range", _range, None),
        nullable=nullable,
        default=None if nullable else UNKNOWN,
        sensitivity=fields.take("sensitivity", one_of("sensitivity class", SENSITIVITIES), ""),
        max_age=fields.take("max_age", duration, None),
        description=fields.take("description", text, ""),
    )
    type_ = _type(fields, name)
    default: Value = attribute.default
    if type_:
        attribute = _fitting(replace(attribute, type=type_), fields)
        default = fields.take_null("default", lambda value: _default(value, attribute), default)
    else:
        fields.node("default")
    fields.close()
    return replace(attribute, default=default)


def _type(fields: Fields, name: str) -> Type | None:
    """The declared type, or that of what the engine fills."""
    declared = fields.need("type", attribute_type, None)
    node = fields.node("type")
    if declared is None and node is not None:
        with suppress(Mistake):
            declared = likely_type(node)
    filled = FILLED_BY_ENGINE.get(name)
    if filled and declared and declared != filled:
        message = f"'{name}' is filled by the engine: it is a {filled}"
        fields.report.error(fields.place_of("type"), message)
    return filled or declared


def _fitting(attribute: Attribute, fields: Fields) -> Attribute:
    """The attribute without what its type does not have, which is reported."""
    type_, report = attribute.type, fields.report
    if attribute.values and _innermost(type_).kind is not Kind.STRING:
        report.error(fields.key_place("values"), f"a {type_} has no 'values': only a string has")
        attribute = replace(attribute, values=())
    if attribute.range and type_.kind not in {Kind.INT, Kind.DOUBLE}:
        report.error(fields.key_place("range"), f"a {type_} has no 'range': only a number has")
        attribute = replace(attribute, range=None)
    return attribute


def _innermost(type_: Type) -> Type:
    return _innermost(type_.element) if type_.element else type_


@allowing(type="array", items={"type": "number"}, minItems=2, maxItems=2)
def _range(node: Node) -> tuple[float, float]:
    ends = node.items if isinstance(node, ListNode) else ()
    if len(ends) != 2:
        raise Mistake((node.place, f"expected a range like [0, 100], found {described(node)}"))
    low, high = (number()(end) for end in ends)
    if low > high:
        raise Mistake((node.place, f"the range is empty: {low:g} is greater than {high:g}"))
    return low, high


def _default(node: Node, attribute: Attribute) -> Value:
    if isinstance(node, Scalar) and node.value is None and not node.style:
        if attribute.nullable:
            return None
        raise Mistake((node.place, "the default is null, but the attribute is not nullable"))
    return written_value(node, attribute)
