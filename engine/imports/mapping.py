"""The mapping file: which column of a table becomes which attribute, as its owner wrote it.

Its keys are explained in `examples/telco-import.yaml`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from engine.errors import AttuneError
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.fields import Fields
from engine.rulebook.nodes import ListNode, MapNode, Node, Plain, Scalar, described
from engine.rulebook.parse import parse
from engine.rulebook.readers import as_written, list_of, one_of, scalar, text
from engine.rulebook.report import Mistake, Place, Report

Written: TypeAlias = Plain | tuple[str, ...]
"""A value as a mapping file writes it: a scalar, or a list of words."""

ID_COLUMN: Final = "customer_id"
BLANKS: Final = ("missing", "error")


class MappingMistakes(AttuneError):
    """A mapping that cannot be used; the text has one line `file:line:column: message` for each mistake."""

    def __init__(self, mistakes: Sequence[Diagnostic]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, mistakes)))


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """How one column is read.

    `values` translates cells (None: they are taken as they are); `blank` says what an empty cell
    means; `format` is a `strptime` format of dates, "" for ISO 8601; `split` parts the words of a list.
    """

    column: str
    attribute: str
    place: Place
    to: Place
    values: Mapping[str, tuple[Place, Written]] | None = None
    blank: str = "missing"
    format: str = ""
    split: str = ";"


@dataclass(frozen=True, slots=True)
class CustomerMap:
    """A whole mapping. `constants` are attributes everybody gets, `ignore` columns left out on purpose."""

    id_column: str
    id_place: Place
    columns: tuple[ColumnRule, ...]
    constants: Mapping[str, tuple[Place, Written]] = field(default_factory=dict)
    ignore: Mapping[str, Place] = field(default_factory=dict)


def read_map(path: Path) -> CustomerMap:
    """Reads a mapping file.

    Raises:
        MappingMistakes: every mistake in it, with its place.
        OSError: the file cannot be read.
    """
    report = Report()
    root = parse(str(path), path.read_bytes(), report)
    mapping = None if root is None else _mapping(root, report)
    if mapping is None or report.errors:
        raise MappingMistakes(report.diagnostics())
    return mapping


def map_by_name(header: Sequence[str], attributes: Sequence[str]) -> CustomerMap:
    """The mapping of a table whose columns are named like attributes, beside `customer_id`."""
    nowhere = Place("", 0, 0)
    rules = [ColumnRule(name, name, nowhere, nowhere) for name in header if name in attributes]
    return CustomerMap(ID_COLUMN, nowhere, tuple(rules))


def _mapping(root: Node, report: Report) -> CustomerMap:
    fields = Fields(root, report, "an import mapping")
    id_column = fields.need("id", as_written, "")
    blank = fields.take("blank", one_of("meaning of a blank cell", BLANKS), "missing")
    mapping = CustomerMap(
        id_column,
        fields.place_of("id"),
        tuple(_columns(fields.node("columns"), blank, report)),
        _constants(fields.node("constants"), report),
        _ignored(fields.node("ignore"), report),
    )
    fields.require("columns")
    fields.close()
    _each_attribute_once(mapping, report)
    return mapping


def _columns(node: Node | None, blank: str, report: Report) -> list[ColumnRule]:
    rules = []
    for key, value in _entries(node, "columns", report):
        if isinstance(value, Scalar):
            attribute = _attribute(value, report)
            rules.append(ColumnRule(key.text, attribute, key.place, value.place, blank=blank))
        else:
            rules.append(_column(key, value, blank, report))
    return rules


def _column(key: Scalar, value: Node, blank: str, report: Report) -> ColumnRule:
    fields = Fields(value, report, f"column '{key.text}'", key.place)
    rule = ColumnRule(
        key.text,
        fields.need("to", text, ""),
        key.place,
        fields.place_of("to"),
        _translations(fields.node("values"), report),
        fields.take("blank", one_of("meaning of a blank cell", BLANKS), blank),
        fields.take("format", text, ""),
        fields.take("split", text, ";"),
    )
    fields.close()
    return rule


def _translations(node: Node | None, report: Report) -> Mapping[str, tuple[Place, Written]] | None:
    if node is None:
        return None
    entries = _entries(node, "the words of the file and what they mean", report)
    return {key.text: (value.place, _written(value, report)) for key, value in entries}


def _constants(node: Node | None, report: Report) -> Mapping[str, tuple[Place, Written]]:
    entries = _entries(node, "attributes and their values", report)
    return {key.text: (key.place, _written(value, report)) for key, value in entries}


def _ignored(node: Node | None, report: Report) -> Mapping[str, Place]:
    if node is None:
        return {}
    if not isinstance(node, ListNode):
        report.error(node.place, f"expected a list like [a, b], found {described(node)}")
        return {}
    return {item.text: item.place for item in node.items if isinstance(item, Scalar)}


def _entries(node: Node | None, what: str, report: Report) -> list[tuple[Scalar, Node]]:
    if node is None:
        return []
    if not isinstance(node, MapNode):
        report.error(node.place, f"expected {what}, found {described(node)}")
        return []
    return list(node.entries.values())


def _attribute(node: Scalar, report: Report) -> str:
    try:
        return text(node)
    except Mistake as mistake:
        report.mistake(mistake)
        return ""


def _written(node: Node, report: Report) -> Written:
    try:
        return list_of(as_written)(node) if isinstance(node, ListNode) else scalar(node).value
    except Mistake as mistake:
        report.mistake(mistake)
        return None


def _each_attribute_once(mapping: CustomerMap, report: Report) -> None:
    filled: dict[str, str] = {}
    for rule in mapping.columns:
        if rule.attribute and rule.attribute in filled:
            report.error(
                rule.to, f"{rule.attribute} is filled already, by column '{filled[rule.attribute]}'"
            )
        filled.setdefault(rule.attribute, rule.column)
    for attribute, (place, _) in mapping.constants.items():
        if attribute in filled:
            report.error(place, f"{attribute} is filled already, by column '{filled[attribute]}'")
