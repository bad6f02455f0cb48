"""The guide for marketing, tried: its boxes make one book, section by section, and its stories come true."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from engine.model import Micros
from engine.rehearsal import Rehearsal, Verdict
from engine.rulebook.load import Loaded, load

GUIDE = Path(__file__).parents[2] / "docs" / "rules.md"
NOW: Micros = 1_796_119_200_000_000  # 2026-12-01T10:00:00Z
KEYED_BY = {"actions": "id", "tests": "name"}


class Box(NamedTuple):
    """One fenced block of the guide: which file of the book it belongs to, and what stands in it."""

    section: str
    path: str
    text: str


def boxes() -> Iterator[Box]:
    section = ""
    pattern = re.compile(r"^## ([^\n]+)$|^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for heading, language, name, text in pattern.findall(GUIDE.read_text()):
        section = heading or section
        if language == "yaml":
            yield Box(section, text.partition("\n")[0].removeprefix("# "), text)
        elif language == "csv":
            yield Box(section, name, text)


def merged(old: yaml.Node | None, new: yaml.Node, key: str = "") -> yaml.Node:
    """`new` written into `old`: entries by their key, list items by their id, all else replaced."""
    if isinstance(old, yaml.MappingNode) and isinstance(new, yaml.MappingNode):
        entries = {name.value: (name, value) for name, value in old.value}
        for name, value in new.value:
            _, before = entries.get(name.value, (name, None))
            entries[name.value] = (name, merged(before, value, name.value))
        return yaml.MappingNode(old.tag, list(entries.values()))
    if (
        key in KEYED_BY
        and isinstance(old, yaml.SequenceNode)
        and isinstance(new, yaml.SequenceNode)
    ):
        items = {named(item, KEYED_BY[key]): item for item in old.value}
        for item in new.value:
            name = named(item, KEYED_BY[key])
            items[name] = merged(items.get(name), item)
        return yaml.SequenceNode(old.tag, list(items.values()))
    return new


def in_block_style(node: yaml.Node) -> yaml.Node:
    """The same, line by line: what is plain within braces would otherwise be quoted."""
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = False
        for entry in node.value:
            for part in entry if isinstance(entry, tuple) else (entry,):
                in_block_style(part)
    return node


def named(item: yaml.Node, key: str) -> str:
    return next(str(value.value) for name, value in item.value if name.value == key)


def books() -> dict[str, Loaded]:
    """What the book has become after each section that adds to it."""
    trees: dict[str, yaml.Node] = {}
    tables: dict[str, bytes] = {}
    grown: dict[str, Loaded] = {}
    for box in boxes():
        if box.path.endswith(".yaml"):
            added = yaml.compose(box.text)
            assert added is not None
            trees[box.path] = merged(trees.get(box.path), added)
        else:
            tables[box.path] = box.text.encode()
        files = {
            path: yaml.serialize(in_block_style(tree)).encode() for path, tree in trees.items()
        }
        grown[box.section] = load(files | tables)
    return grown


BOOKS = books()


def test_every_box_says_which_file_it_is_of() -> None:
    assert {box.path.partition("/")[0] for box in boxes()} <= {
        "attributes.yaml", "policies.yaml", "actions", "tests", "levers.csv", "stop.yaml",
    }  # fmt: skip
    assert len(BOOKS) >= 15


@pytest.mark.parametrize("section", BOOKS)
def test_the_book_has_no_mistake_after(section: str) -> None:
    assert [str(found) for found in BOOKS[section].errors] == []


@pytest.mark.parametrize("section", BOOKS)
def test_all_stories_so_far_come_true_after(section: str) -> None:
    loaded = BOOKS[section]
    assert loaded.book is not None
    assert loaded.cases
    rehearsal = Rehearsal(loaded.book, NOW)
    told = [rehearsal.play(case) for case in loaded.cases]
    assert [(t.case.name, t.shortfalls) for t in told if t.verdict is not Verdict.PASSED] == []


def test_every_section_is_in_the_table_of_contents() -> None:
    text = GUIDE.read_text()
    for heading in re.findall(r"^## (\d+\. .+)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        assert f"](#{anchor})" in text, heading
