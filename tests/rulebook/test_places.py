"""Each character of a scalar's text is found where it is written, whatever its quoting."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.rulebook.nodes import MapNode, Scalar
from engine.rulebook.parse import parse
from engine.rulebook.report import Place, Report

TEXTS = st.text(st.sampled_from("abé😀 \n'\"\\:#{}%\t"), min_size=1, max_size=60)


def scalar_of(document: str) -> Scalar:
    report = Report()
    root = parse("f.yaml", document.encode(), report)
    assert report.diagnostics() == ()
    assert isinstance(root, MapNode)
    node = root.entries["key"][1]
    assert isinstance(node, Scalar)
    return node


@given(TEXTS, st.sampled_from(["'", '"', "|", ">"]), st.integers(20, 80))
def test_visible_characters_are_found_where_they_stand(text: str, style: str, width: int) -> None:
    document = yaml.dump({"key": text}, default_style=style, width=width, allow_unicode=True)
    node = scalar_of(document)
    assert node.text == text
    lines = document.split("\n")
    for offset, character in enumerate(text):
        if character.isspace() or character in "'\"\\":
            continue
        place = node.place_of(offset)
        written = lines[place.line - 1][place.column - 1]
        assert written == character or (node.style == '"' and written == "\\")


@given(TEXTS, st.sampled_from(["'", '"', "|", ">"]))
def test_places_never_go_backwards_and_stay_inside(text: str, style: str) -> None:
    document = yaml.dump({"key": text}, default_style=style, width=20, allow_unicode=True)
    node = scalar_of(document)
    places = [node.place_of(offset) for offset in range(len(text) + 1)]
    assert places == sorted(places)
    assert places[-1].line <= document.count("\n") + 1


@pytest.mark.parametrize(
    ("document", "offset", "line", "column"),
    [
        ("key: a + b\n", 4, 1, 10),
        ("key: a + b # why\n", 5, 1, 11),
        ("key: a\n  + b\n", 4, 2, 5),
        ("key: 'it''s b'\n", 5, 1, 13),
        ('key: "\\u00e9 \\"b"\n', 3, 1, 16),
        ('key: "a \\\n   b"\n', 2, 2, 4),
        ("key: |\n   a\n   + b\n", 4, 3, 6),
        ("key: |2-\n    a\n", 2, 2, 5),
        ("key: >-\n  a\n\n  b\n", 2, 4, 3),
        ("key: 'ab'\n", 2, 1, 9),
    ],
)
def test_a_place_in_each_kind_of_scalar(document: str, offset: int, line: int, column: int) -> None:
    assert scalar_of(document).place_of(offset) == Place("f.yaml", line, column)


def test_an_offset_beyond_the_text_is_its_end() -> None:
    node = scalar_of("key: ab\n")
    assert node.place_of(99) == node.place_of(2) == Place("f.yaml", 1, 8)
