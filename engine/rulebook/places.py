"""Where each character of a YAML scalar's text is written in the file, whatever its quoting."""

import re
from collections.abc import Iterator
from functools import lru_cache

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\n[ \t]*|.)", re.DOTALL)
_HEADER = re.compile(r"[^\n]*\n?")
_SIMPLE = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_BLANKS = " \t\n"


@lru_cache(maxsize=256)
def offsets_of(raw: str, style: str, text: str) -> tuple[int, ...]:
    r"""For each character of `text`, and for its end, the offset in `raw` where it is written.

    `raw` is the scalar as it stands in the file, `style` its YAML style (`'`, `"`, `|`, `>`, or
    empty). Line folding and indentation are followed by matching the text's visible characters;
    a blank that folding made points at the line end it came from.

    >>> offsets_of("'it''s'", "'", "it's")
    (1, 2, 3, 5, 6)
    >>> offsets_of("a\n   b", "", "a b")
    (0, 1, 5, 6)
    """
    quote = 1 if style in {"'", '"'} else 0
    if style not in {"|", ">"} and raw[quote : len(raw) - quote] == text:
        return tuple(range(quote, len(raw) - quote + 1))
    written = list(_characters(raw, style))
    offsets: list[int] = []
    at = 0
    for character in text:
        if character not in _BLANKS:
            while at < len(written) and written[at][0] != character:
                at += 1
        if at >= len(written):
            break
        offsets.append(written[at][1])
        if written[at][0] == character:
            at += 1
    end = written[at][1] if at < len(written) else len(raw) - quote
    return (*offsets, *[end] * (len(text) + 1 - len(offsets)))


def _characters(raw: str, style: str) -> Iterator[tuple[str, int]]:
    """The characters written in a scalar, escapes undone, each with its offset."""
    match style:
        case "'":
            yield from _single_quoted(raw)
        case '"':
            yield from _double_quoted(raw)
        case "|" | ">":
            header = _HEADER.match(raw)
            begin = header.end() if header else 0
            yield from ((character, begin + i) for i, character in enumerate(raw[begin:]))
        case _:
            yield from ((character, i) for i, character in enumerate(raw))


def _single_quoted(raw: str) -> Iterator[tuple[str, int]]:
    at = 1
    while at < len(raw) - 1:
        yield raw[at], at
        at += 2 if raw.startswith("''", at) else 1


def _double_quoted(raw: str) -> Iterator[tuple[str, int]]:
    at = 1
    while at < len(raw) - 1:
        escape = _ESCAPE.match(raw, at)
        if escape is None:
            yield raw[at], at
            at += 1
            continue
        code = escape[0][1:]
        if len(code) > 1 and code[0] in "xuU":
            yield chr(min(int(code[1:], 16), 0x10FFFF)), at
        elif not code.startswith("\n"):
            yield _SIMPLE.get(code, code), at
        at = escape.end()
