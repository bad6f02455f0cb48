"""From a file's text to positioned nodes: the subset of YAML that rule books are written in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar, core_value, shortened
from engine.rulebook.report import Mistake, Place, Report
from engine.rulebook.source import UNWELCOME, SourceFile, decoded, unshown
from engine.rulebook.syntax import syntax_mistake, without_colon

MOST_BYTES = 1 << 20
DEEPEST = 24
_ATTEMPTS = 20
_MERGED = "rule files do without YAML's merge keys (<<): write out what is meant"
_UNREADABLE = (
    (
        re.compile(r"^(?P<before>)(<<<<<<< |>>>>>>> |={7}$)", re.MULTILINE),
        "two versions of the file are merged halfway here: keep one of them, without this line",
    ),
    (
        re.compile(r"^(?P<before> *)[\xa0\u2000-\u200b\u202f\u3000][^\S\n]*(- +)?[\w.-]+:(?= |$)", re.MULTILINE),
        "a special space is no indentation: write plain spaces",
    ),
)  # fmt: skip
"""What makes a whole file unreadable, and what to say of it."""
_KEY_AND_VALUE = re.compile(r"[\w.-]+(?: +|:)\S.*")


def parse(path: str, content: bytes, report: Report) -> Node | None:
    """The file's only document, or None if nothing can be made of it.

    A file in a folder may hold nothing but comments.
    After a syntax error the block it stands in is left out and the rest is read, so that the other
    mistakes of the file are reported too; `report.lost` then knows what was left out.
    """
    try:
        source = _readable(path, content)
    except Mistake as mistake:
        report.mistake(mistake)
        report.lose(path, content[:MOST_BYTES].decode("ascii", "ignore"))
        return None
    lost: list[_Block] = []
    for _ in range(_ATTEMPTS):
        composer = _Composer(source, lost)
        try:
            root = composer.document()
        except Mistake as mistake:
            report.mistake(mistake)
            break
        except yaml.MarkedYAMLError as error:
            wrong = syntax_mistake(error, source)
        else:
            report.mistake(Mistake(*composer.found))
            for text in composer.lost:
                report.lose(path, text)
            return root
        report.error(source.place(wrong.offset), wrong.message)
        lines = source.text.split("\n")
        block = _block(lines, wrong.first_line, wrong.last_line)
        report.lose(path, "\n".join(lines[block.first : block.end]))
        lost.append(block)
        lines[block.first : block.end] = [""] * (block.end - block.first)
        source = SourceFile.of(path, "\n".join(lines))
        if not source.text.strip():
            break
    report.lose(path, source.text)
    return None


def _readable(path: str, content: bytes) -> SourceFile:
    beginning = SourceFile.of(path, "").place(0)
    if len(content) > MOST_BYTES:
        raise Mistake((beginning, f"the file is larger than {MOST_BYTES >> 20} MiB: split it"))
    source = decoded(path, content)
    if not source.text.strip():
        raise Mistake((beginning, "the file is empty"))
    for sign, said in _UNREADABLE:
        if found := sign.search(source.text):
            raise Mistake((source.place(found.end("before")), said))
    return source


class _Block(NamedTuple):
    """Lines that cannot be read, `first` to before `end` (from 0), and how far they are indented."""

    first: int
    end: int
    indents: frozenset[int]


def _block(lines: list[str], first: int, last: int) -> _Block:
    """The lines (from 1) and what is indented below the first of them."""
    begin, end = min(first, len(lines)) - 1, min(last, len(lines))
    while begin > 0 and not lines[begin].strip():
        begin -= 1
    indent = _indent(lines[begin])
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
        end += 1
    indents = {_indent(line) for line in lines[begin:end] if line.strip()}
    above = next((line for line in reversed(lines[:begin]) if line.partition("#")[0].strip()), "")
    if not above.rstrip().endswith((":", "|", ">", "-")) and _key_column(above) < indent:
        indents.add(_key_column(above))
    return _Block(begin, end, frozenset(indents))


def _key_column(line: str) -> int:
    """How far the key of a line is indented, after the dashes of lists."""
    return len(line) - len(line.lstrip("- "))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Where a node stands: how deep, whether inside `{…}` or `[…]`, whether as an item of a list."""

    depth: int = 0
    flow: bool = False
    item: bool = False

    def inside(self, event: yaml.CollectionStartEvent) -> "_Surroundings":
        flow = self.flow or bool(event.flow_style)
        return _Surroundings(self.depth + 1, flow, isinstance(event, yaml.SequenceStartEvent))


class _Composer:
    """Makes nodes of one text's events; refuses what rule books do not need of YAML.

    Where blocks are lost, what has no value may have lost it, and is left out. `lost` are texts that
    are left out besides, because they are no values of ours.
    """

    def __init__(self, source: SourceFile, lost: list[_Block]) -> None:
        self.found: list[tuple[Place, str]] = []
        self.lost: list[str] = []
        self._source = source
        self._blocks = lost
        self._events: Iterator[yaml.Event] = yaml.parse(source.text, Loader=yaml.CSafeLoader)

    def document(self) -> Node | None:
        """The only document; None if the text holds nothing but comments."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._error(event, "a second document: a rule file holds one")
                    self.lost.append(self._source.text[_start(event) :])
                    return root
                if event.version or event.tags:
                    self._error(event, "YAML directives (%) are not used in rule files")
                root = self._node(next(self._events), _Surroundings())
        if root is not None and _is_broken(root):
            return None
        if root is None and "/" not in self._source.path:
            self.found.append((self._source.place(0), "the file holds nothing but comments"))
        return root

    def _node(self, event: yaml.Event, around: _Surroundings) -> Node:
        if around.depth > DEEPEST:
            place = self._source.place(_start(event))
            raise Mistake((place, f"nested deeper than {DEEPEST} levels"))
        match event:
            case yaml.MappingStartEvent():
                mapping = self._mapping(event, around.inside(event), item=around.item)
                return mapping if self._plain_yaml(event) else self._broken(event)
            case yaml.SequenceStartEvent():
                items = self._list(event, around.inside(event))
                return items if self._plain_yaml(event) else self._broken(event)
            case yaml.ScalarEvent():
                return self._scalar(event, around)
            case _:
                self._error(event, _unquoted(self._text(event)[:1]))
                return self._broken(event)

    def _list(self, event: yaml.SequenceStartEvent, around: _Surroundings) -> ListNode:
        items = []
        for item in self._events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            node = self._node(item, around)
            if not _is_broken(node) and not (self._blocks and _is_empty(node)):
                items.append(node)
        return ListNode(self._source.place(_start(event)), tuple(items))

    def _mapping(
        self, event: yaml.MappingStartEvent, around: _Surroundings, *, item: bool
    ) -> MapNode:
        entries: dict[str, tuple[Scalar, Node]] = {}
        emptied: set[str] = set()
        again: list[Scalar] = []
        merged = False
        end: yaml.Event = event
        for key_event in self._events:
            if isinstance(key_event, yaml.MappingEndEvent):
                end = key_event
                break
            key = self._node(key_event, around)
            before = len(self.found)
            value = self._node(next(self._events), around)
            if _is_broken(key):
                continue
            if not isinstance(key, Scalar):
                self._error(key_event, "a key must be a word, not a list or mapping")
            elif key.text == "<<":
                merged = True
                self.found[before:] = [(key.place, _MERGED)]
            elif _is_broken(value):
                emptied.add(key.text)
                self.lost.append(key.text)
            elif around.flow and _without_value(key, value):
                emptied |= self._stray(key, entries)
            elif key.text in entries:
                again.append(key)
            elif self._blocks and _is_empty(value):
                emptied.add(key.text)
            else:
                entries[key.text] = (key, value)
        if item and len(again) > 1 and again[0].text == next(iter(entries)):
            begun = f"'{shortened(again[0].text)}' stands here twice: a new item begins with '- '"
            self.found.append((again[0].place, begun))
            self.lost.append(self._source.text[again[0].start : _end(end)])
        else:
            self.found += [_twice(key, entries[key.text][0]) for key in again]
        place = self._source.place(_start(event))
        last = self._source.place(_end(end)).line
        whole = not merged and not any(
            place.column - 1 in block.indents
            and (place.line <= block.end or self._follows(block, place))
            and block.first < last
            for block in self._blocks
        )
        return MapNode(place, entries, frozenset(emptied), whole)

    def _follows(self, block: _Block, place: Place) -> bool:
        """Whether a mapping begins right below a block, which may have held its first keys."""
        between = map(self._source.line, range(block.end + 1, place.line))
        begins = not self._source.line(place.line)[: place.column - 1].strip()
        return begins and all(line.lstrip()[:1] in {"", "#"} for line in between)

    def _scalar(self, event: yaml.ScalarEvent, around: _Surroundings) -> Scalar:
        if not self._plain_yaml(event):
            return self._broken(event)
        plain = not event.style
        value = core_value(event.value) if plain else event.value
        scalar = Scalar(
            self._source, _start(event), _end(event), event.style or "", event.value, value
        )
        if not plain and (escaped := UNWELCOME.search(event.value)):
            self.found.append((scalar.place_of(escaped.start()), unshown(escaped[0])))
            return self._broken(event)
        if plain and around.flow and "?" in event.value:
            at = self._source.text.find("?", scalar.start)
            message = "inside {…} a text with '?' must be put in quotes"
            self.found.append((self._source.place(at), message))
        return scalar

    def _broken(self, event: yaml.Event) -> Scalar:
        text = self._text(event)
        self.lost.append(text)
        start = _start(event)
        return Scalar(self._source, start, start + len(text), "", text, text, broken=True)

    def _stray(self, key: Scalar, entries: dict[str, tuple[Scalar, Node]]) -> set[str]:
        """Reports a key without a value between commas; the key it may have been meant to be.

        Where a comma between parentheses has cut off what stands before, that is put together again.
        """
        before, value = list(entries.values())[-1] if entries else (None, None)
        if before and isinstance(value, Scalar) and not value.style:
            end = _closing(self._source.text, value.start)
            if value.end < end:
                whole = self._source.text[value.start : end]
                entries[before.text] = (
                    before,
                    Scalar(self._source, value.start, end, "", whole, whole),
                )
                said = f"inside {{…}} what has a comma must be put in quotes: '{shortened(whole)}'"
                self.found.append((value.place, said))
                return set()
            if value.start <= key.start < value.end:
                return set()
            if value.end + 1 == key.start and value.text[-1:].isdigit() and key.text[0].isdigit():
                whole = self._source.text[value.start : key.end]
                entries[before.text] = (
                    before,
                    Scalar(self._source, value.start, key.end, "", whole, whole),
                )
                said = (
                    "inside {…} a comma begins the next key: write a number without one, "
                    f"put a text in quotes: '{shortened(whole)}'"
                )
                self.found.append((value.place, said))
                return set()
        follows_text = isinstance(value, Scalar) and isinstance(value.value, str)
        if _KEY_AND_VALUE.fullmatch(key.text) and not follows_text:
            self.found.append((key.place, without_colon(key.text)))
        else:
            self.found.append((key.place, _stray(key)))
        return {re.split(r"[\s:]", key.text)[0]}

    def _text(self, event: yaml.Event) -> str:
        return self._source.text[_start(event) : _end(event)].strip()

    def _plain_yaml(self, event: yaml.NodeEvent) -> bool:
        """Whether a node has neither tag nor anchor; if it has, that is reported."""
        if getattr(event, "tag", None) is None and event.anchor is None:
            return True
        self._error(event, _unquoted(self._source.text[_start(event) : _start(event) + 1]))
        return False

    def _error(self, event: yaml.Event, message: str) -> None:
        self.found.append((self._source.place(_start(event)), message))


def _start(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def _is_broken(node: Node) -> bool:
    return isinstance(node, Scalar) and node.broken


def _closing(text: str, start: int) -> int:
    """Where the parentheses that open in a line from `start` on are all closed; `start` if nowhere.

    >>> _closing("{type: map(string,int), x: 1}", 7)
    22
    """
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "\n":
            break
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if text[at] == ")" and depth <= 0:
            return at + 1 if depth == 0 else start
    return start


def _twice(key: Scalar, first: Scalar) -> tuple[Place, str]:
    return (
        key.place,
        f"'{shortened(key.text)}' stands here twice (first in line {first.place.line})",
    )


def _unquoted(sign: str) -> str:
    """What to say of a text that begins with `*`, `&` or `!`, which mean something else to YAML."""
    kind = {"*": "aliases", "&": "anchors", "!": "tags"}[sign]
    return f"a text that begins with '{sign}' must be put in quotes (rule files do without YAML's {kind})"


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.start == node.end


def _without_value(key: Scalar, value: Node) -> bool:
    return isinstance(value, Scalar) and value.start == value.end == key.end


def _stray(key: Scalar) -> str:
    return (
        f"'{shortened(key.text)}' is a key without a value: if it belongs to the text before the "
        "comma, put that text in quotes"
    )
