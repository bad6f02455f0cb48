"""The subset of YAML that rule books are written in, and what is said of everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar
from engine.rulebook.parse import DEEPEST, MOST_BYTES, parse
from engine.rulebook.report import Report


def found(document: str | bytes) -> list[str]:
    report = Report()
    parse("f", document if isinstance(document, bytes) else document.encode(), report)
    return [str(one) for one in report.diagnostics()]


def read(document: str) -> tuple[Node | None, Report]:
    report = Report()
    return parse("f", document.encode(), report), report


def value(text: str) -> object:
    root, report = read(f"key: {text}\n")
    assert report.diagnostics() == ()
    assert isinstance(root, MapNode)
    node = root.entries["key"][1]
    assert isinstance(node, Scalar)
    return node.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("21:30", "21:30"),
        ("2026-11-01", "2026-11-01"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("+5", 5),
        ("4.50", 4.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ('"true"', "true"),
        ("7d", "7d"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, expected: object) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: 'a' stands here twice (first in line 1)"),
        ("a: &x 1\n", "f:1:4: a text that begins with '&' must be put in quotes (rule files do without YAML's anchors)"),
        ("a: *x\n", "f:1:4: a text that begins with '*' must be put in quotes (rule files do without YAML's aliases)"),
        ("a: !x\n", "f:1:4: a text that begins with '!' must be put in quotes (rule files do without YAML's tags)"),
        ("a: !x && y\n", "f:1:4: a text that begins with '!' must be put in quotes"),
        ("a: {b: Who?, c: d}\n", "f:1:11: inside {…} a text with '?' must be put in quotes"),
        ("a: @x\n", "f:1:4: a text cannot begin with '@': put it in quotes"),
        ("a:\n\tb: 1\n", "f:2:1: a tab is no indentation: use spaces"),
        ("a: 'b\nc: 1\n", "f:1:4: the quote opened here is never closed"),
        ('a: "b\nc: "d"\n', "f:1:4: the quote opened here is never closed"),
        ("a: [b\nc: 1\n", "f:1:4: the '[' opened here is never closed with ']'"),
        ("a: b: c\n", "f:1:5: a text that contains ': ' must be put in quotes"),
        ("a: {x} % used\n", "f:1:4: a text that begins with '{' must be put in quotes"),
        ("a: 1\nb 2\nc: 3\n", "f:2:1: the key 'b' needs a ':' after it"),
        ("a: 1\nb:2\nc: 3\n", "f:2:1: write a space after the ':' of a key"),
        ("a: 1}\nb: {c: 1}}\n", "f:2:10: this '}' closes nothing"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document: a rule file holds one"),
        ("%YAML 1.1\n---\na: 1\n", "f:1:1: YAML directives (%) are not used in rule files"),
        ("a: !!python/object/apply:os.system ['x']\n", "f:1:4: a text that begins with '!' must be put in quotes (rule files do without YAML's tags)"),
        ("a: !!omap {b: 1}\n", "f:1:4: a text that begins with '!' must be put in quotes (rule files do without YAML's tags)"),
        ("a: &x [1]\n", "f:1:4: a text that begins with '&' must be put in quotes (rule files do without YAML's anchors)"),
        ("a:\n  <<: {b: 1}\n  c: 1\n", "f:2:3: rule files do without YAML's merge keys (<<): write out what is meant"),
        ("- a: 1\n  b: 2\n  a: 3\n  b: 4\n", "f:3:3: 'a' stands here twice: a new item begins with '- '"),
        ("- a: 1\n  b: 2\n  a: 3\n  c: 4\n", "f:3:3: 'a' stands here twice (first in line 1)"),
        ("- a: [\n- b: 1\n", "f:1:6: the '[' opened here is never closed with ']'"),
        ("a: [1, , 2]\n", "f:1:8: there is nothing before this comma: leave it out"),
        ('a: "b\\0c"\n', "f:1:6: the character U+0000 cannot be shown: remove it"),
        ('a: "C:\\Users"\n', "f:1:7: a backslash in double quotes begins an escape: double it or use single quotes"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n", "f:2:1: two versions of the file are merged halfway here: keep one of them, without this line"),
        ("a:\n\xa0\xa0b: 1\n", "f:2:1: a special space is no indentation: write plain spaces"),
        ("a: 1\nb:\u30002\nc: 3\n", "f:2:1: write a space after the ':' of a key"),
        ("[a]: 1\n", "f:1:1: a key must be a word, not a list or mapping"),
        ("", "f:1:1: the file is empty"),
        ("# nothing\n", "f:1:1: the file holds nothing but comments"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa: 1\n", "f:1:1: a byte order mark does not belong here: remove it"),
        (b"a: 1\nb: \xe9\n", "f:2:4: byte 0xe9 is not UTF-8 text: save the file as UTF-8"),
        (b"a: 1\rb: 2\n", "f:1:5: a carriage return without a line feed does not belong here: remove it"),
        ("a: 1\nb: \x07\n", "f:2:4: control character 0x07 does not belong here: remove it"),
        ("a: b\u2028c\n", "f:1:5: a LINE SEPARATOR character does not belong here: remove it"),
    ],
)  # fmt: skip
def test_what_is_not_for_rule_files_is_said_plainly(document: str | bytes, expected: str) -> None:
    assert found(document) == [expected]


def test_a_comma_in_a_text_inside_braces_is_recognised() -> None:
    (one,) = found("a: {body: Never buy, ever, cta: Go}\n")
    assert one.startswith("f:1:22: 'ever' is a key without a value")
    assert "put that text in quotes" in one


def test_windows_line_ends_are_line_ends() -> None:
    root, report = read("a: 1\r\nb: x\r\n")
    assert report.diagnostics() == ()
    assert isinstance(root, MapNode)
    assert root.entries["b"][1].place.line == 2


def test_what_follows_a_syntax_error_is_still_read() -> None:
    root, report = read("a: b: c\nd: {e: Who?}\nf: [1, 2]\ng: h: i\n")
    assert [one.line for one in report.diagnostics()] == [1, 2, 4]
    assert isinstance(root, MapNode)
    assert isinstance(root.entries["f"][1], ListNode)
    assert "c" in report.lost["f"]
    assert not root.whole


def test_nesting_and_size_are_limited() -> None:
    assert "nested deeper" in found("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2))[0]
    assert "larger than" in found("a: " + "b" * MOST_BYTES)[0]
    assert found("a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2)) == []


@given(st.text(st.sampled_from("ab:-?!*&{}[]'\"|>#%@,\n \t0"), max_size=80))
def test_any_text_is_read_or_complained_of(document: str) -> None:
    root, report = read(document)
    assert root is not None or report.errors


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_complained_of(content: bytes) -> None:
    report = Report()
    assert parse("f", content, report) is not None or report.errors
