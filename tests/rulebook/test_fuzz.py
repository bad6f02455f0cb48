"""Whatever stands in the files: a book or diagnostics, never a traceback, never without end."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import Loaded, load
from tests.rulebook.broken.planting import BASE

FILES = {
    str(path.relative_to(BASE)): path.read_bytes()
    for path in sorted(BASE.rglob("*"))
    if path.is_file()
}
SHIPPED = {
    book.name: {
        str(path.relative_to(book)): path.read_bytes() for path in sorted(book.rglob("*.*"))
    }
    for book in sorted((Path(__file__).parents[2] / "rules").iterdir())
    if book.is_dir()
}
BOOKS = {"planted": FILES, **SHIPPED}
TREES = {
    (book, path): yaml.safe_load(content)
    for book, files in BOOKS.items()
    for path, content in files.items()
    if path.endswith(".yaml")
}
NAMES = st.sampled_from(sorted(FILES))
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "7d", "0d", "customer.age", "customer.age >", "a.b.c", "{", "}", "{customer.age:d}",
         "{customer.age:", "web", "P * V", "P*P", "2026-11-01", "2026-99-01", "list(", "map(string,",
         "*", "\u0000", "((((((", "1" * 400, "'", '"', "\\", "%s", "action", "customer.*", "[" * 50]
    ),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def check(loaded: Loaded) -> None:
    errors = [one for one in loaded.diagnostics if one.severity is Severity.ERROR]
    assert (loaded.book is None) == bool(errors)
    assert list(loaded.diagnostics) == sorted(loaded.diagnostics)
    for one in loaded.diagnostics:
        assert one.line >= 1
        assert one.column >= 1
        assert one.message
        assert "\n" not in one.message
        str(one).encode()
    if loaded.book is not None:
        from engine.model import UNKNOWN

        book = loaded.book
        values = [UNKNOWN] * len(book.attributes)
        truths = book.conditions_of(values)
        assert len(truths) == len(book.conditions)
        book.numbers_of(values)
        for placement, select in book.select_for.items():
            for index in select([True] * len(truths), values, 0):
                assert book.treatments[index].placement == placement
        for treatment in book.treatments:
            treatment.render(values)


@FEW
@given(NAMES, st.data())
def test_bytes_changed_cut_and_put_in(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 12))
    put = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from([b"\t", b"'", b'"', b"{", b"]", b": ", b"\n", b"&a ", b"!", b"\xff", b"#"])))  # fmt: skip
    check(load({**FILES, name: content[:at] + put + content[at + cut :]}))


@FEW
@given(NAMES, st.data())
def test_files_cut_off(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    check(load({**FILES, name: content[: data.draw(st.integers(0, len(content)))]}))


@FEW
@given(NAMES, st.data())
def test_lines_dropped_doubled_and_moved(name: str, data: st.DataObject) -> None:
    lines = FILES[name].split(b"\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "indent", "outdent"])):
            case "drop":
                lines[at] = b""
            case "double":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = b" " + lines[at]
            case _:
                lines[at] = lines[at][1:]
    check(load({**FILES, name: b"\n".join(lines)}))


def mutated(tree: Any, data: st.DataObject) -> Any:
    """The tree with one node replaced, dropped, doubled or renamed."""
    if not isinstance(tree, dict | list) or not tree or data.draw(st.integers(0, 4)) == 0:
        return data.draw(ANYTHING)
    if isinstance(tree, list):
        at = data.draw(st.integers(0, len(tree) - 1))
        changed: Any = list(tree)
        match data.draw(st.sampled_from(["in", "in", "in", "drop", "double"])):
            case "in":
                changed[at] = mutated(tree[at], data)
            case "drop":
                del changed[at]
            case _:
                changed.append(tree[at])
        return changed
    key = data.draw(st.sampled_from(sorted(tree, key=repr)))
    changed = dict(tree)
    match data.draw(st.sampled_from(["in", "in", "in", "in", "drop", "rename", "add"])):
        case "in":
            changed[key] = mutated(tree[key], data)
        case "drop":
            del changed[key]
        case "rename":
            changed[data.draw(st.text(max_size=8))] = changed.pop(key)
        case _:
            changed[data.draw(st.sampled_from(["id", "when", "value", "x", "valid", "caps"]))] = (
                data.draw(ANYTHING)
            )
    return changed  # fmt: skip


@settings(FEW, max_examples=250)
@given(st.sampled_from(sorted(TREES)), st.data())
def test_structures_changed(file: tuple[str, str], data: st.DataObject) -> None:
    text = json.dumps(
        mutated(TREES[file], data), default=str, ensure_ascii=data.draw(st.booleans())
    )
    book, path = file
    check(load({**BOOKS[book], path: text.encode("utf-8", "surrogatepass")}))


@FEW
@given(
    st.lists(st.lists(st.text(max_size=8), max_size=9), max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_table_of_levers(rows: list[list[str]], separator: str) -> None:
    table = "\n".join(["action_id,lever,value,per_day,from,to,owner", *map(separator.join, rows)])
    check(load({**FILES, "levers.csv": table.encode()}))


@FEW
@given(st.dictionaries(st.text(max_size=12), st.binary(max_size=40), max_size=4))
def test_any_files_at_all(files: dict[str, bytes]) -> None:
    check(load(files))


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_may_be_missing_or_empty(name: str) -> None:
    check(load({path: content for path, content in FILES.items() if path != name}))
    check(load({**FILES, name: b""}))


@pytest.mark.parametrize(
    "expression",
    ["a" * 100_000, "(" * 3_000, "!" * 5_000, "[" * 2_000, "1+" * 3_000 + "1", '"' * 999, "\\" * 999, "a.b" * 900,
     "x ? " * 500, "1 in [" * 400, "'" + "\\x00" * 500 + "'", "9" * 500, "1e999", "-9223372036854775808"],
)  # fmt: skip
def test_monstrous_expressions(expression: str) -> None:
    actions = json.dumps(
        {"actions": [{"id": "a", "value": expression, "eligible_when": {"x": expression}}]}
    )
    check(load({**FILES, "actions/monster.yaml": actions.encode()}))
