"""What keeps an expression from being read at all, said to the people who wrote it."""

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from engine.rulebook.cel.habits import OPERATORS

TOO_EARLY: Final = "the expression ends where something is still missing"
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_TEXT: Final = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_BRACKET: Final = re.compile(rf"[()\[\]{{}}]|{_TEXT}|//[^\n]*")
_TOKEN: Final = re.compile(rf"{_TEXT}|\w+|[&|=<>!]+|\W")
_SIGNS: Final = re.compile(r"[=<>!:&|]+")
_PERCENT: Final = re.compile(r"([0-9.]+)\s*%\s*(?=$|&&|\|\||\))")
_FROM_A_PAGE: Final = re.compile(r"&(?:gt|lt|amp|quot|apos|#39);")
_LOOK_ALIKE: Final = dict(
    zip("аеорсухіјАВЕКМНОРСТХΑΒΕΗΙΚΜΝΟΡΤΥΧο", "aeopcyxijABEKMHOPCTXABEHIKMNOPTYXo", strict=True)
)
"""Cyrillic and Greek letters that look like ours."""
_UNREAD: Final = "token recognition error at: "
_CURLED: Final = "is a curled quote; write straight quotes, ' or \""


class Unparsed(NamedTuple):
    """Where reading stops, in characters, and why."""

    offset: int
    message: str


def unparsed(found: Sequence[tuple[int, str]], text: str) -> list[Unparsed]:
    """The parser's complaints about a text, as few as say it: `found` are offsets and its words."""
    if page := _FROM_A_PAGE.search(text):
        said = f"'{page[0]}' comes from a web page; write {html.unescape(page[0])}"
        return [Unparsed(page.start(), said)]
    strange = sorted({_unreadable(at, said, text) for at, said in found if _UNREAD in said})
    curled = [one for one in strange if one.message.endswith(_CURLED)]
    if strange:
        return curled[:1] or strange
    if percent := _PERCENT.search(text):
        at = percent.end(1) + len(percent[0][len(percent[1]) :].partition("%")[0])
        return [Unparsed(at, f"a number stands without a percent sign; write {percent[1]}")]
    return [_unclosed(text) or min(_unexpected(at, said, text) for at, said in found)]


def _unclosed(text: str) -> Unparsed | None:
    """A bracket nothing closes, the innermost if several; None if all are."""
    open_brackets: list[re.Match[str]] = []
    for token in _BRACKET.finditer(text):
        if token[0] in _CLOSING:
            open_brackets.append(token)
        elif token[0] in _CLOSING.values():
            if not open_brackets or _CLOSING[open_brackets[-1][0]] != token[0]:
                return None
            open_brackets.pop()
    if not open_brackets:
        return None
    last = open_brackets[-1]
    return Unparsed(last.start(), f"'{last[0]}' is not closed; '{_CLOSING[last[0]]}' is missing")


def _unreadable(offset: int, said: str, text: str) -> Unparsed:
    """Characters that mean nothing in an expression."""
    token = said.partition(_UNREAD)[2].strip("'") or text[offset : offset + 1]
    if text[offset : offset + 1] in {"'", '"'}:
        return Unparsed(offset, "the text that begins here is not closed; close the quote")
    if token[:1] in set("“”„‟‘’‚«»"):
        return Unparsed(offset, f"'{token[0]}' {_CURLED}")
    if not token[:1].isascii():
        return Unparsed(offset, _foreign(token[0]))
    run = next((m for m in _SIGNS.finditer(text) if m.start() <= offset < m.end()), None)
    if run and (instead := OPERATORS.get(run[0])):
        return Unparsed(run.start(), f"'{run[0]}' means nothing here; write {instead}")
    instead = OPERATORS.get(token.strip()) or OPERATORS.get(token.strip()[:1])
    means_nothing = f"'{token.strip()}' means nothing here"
    return Unparsed(offset, means_nothing + (f"; write {instead}" if instead else ""))


def _foreign(character: str) -> str:
    r"""What to say of a character no keyboard meant to write here.

    >>> _foreign("\u0441")
    "'с' (CYRILLIC SMALL LETTER ES) means nothing here; write c"
    """
    named = unicodedata.name(character, f"U+{ord(character):04X}")
    if character.isspace() or unicodedata.category(character) in {"Cf", "Zs"}:
        return f"a special space ({named}) means nothing here; write a plain space"
    plain = _LOOK_ALIKE.get(character) or unicodedata.normalize("NFKC", character)
    instead = f"; write {plain}" if plain.isascii() else ""
    return f"'{character}' ({named}) means nothing here{instead}"


def _unexpected(offset: int, said: str, text: str) -> Unparsed:
    """Something that can be read, where it cannot stand."""
    match = re.match(
        r"(?:mismatched|extraneous) input '(.*?)' expecting|no viable alternative at input '(.*)'",
        said,
        re.DOTALL,
    )
    token = (match[1] or match[2] or "") if match else ""
    if "<EOF>" in token or offset >= len(text.rstrip()):
        return Unparsed(min(offset, len(text)), TOO_EARLY)
    if not token or "reserved identifier" in said:
        return Unparsed(offset, said)
    word = _TOKEN.match(text, offset)
    return _misplaced(offset, word[0] if word else token, text)


def _misplaced(offset: int, found: str, text: str) -> Unparsed:
    before, after = text[:offset], text[offset:]
    words = before.split()
    if words and words[-1].lower() == "not":
        place = text.rindex(words[-1], 0, offset)
        return Unparsed(place, f"'{words[-1]}' is not expected here; write !")
    if text[offset - 1 : offset + 1] == "<>":
        return Unparsed(offset - 1, "'<>' is not expected here; write !=")
    if re.match(r"not\s+in\b", after, re.IGNORECASE):
        return Unparsed(offset, "'not in' is not expected here; write !(x in ...)")
    if re.match(r"is\s+not\b", after, re.IGNORECASE):
        return Unparsed(offset, "'is not' is not expected here; write !=")
    if found == "," and (list_ := re.search(r"\bin\s*(\([^()\[\]]*)$", before)):
        return Unparsed(list_.start(1), "a list stands in square brackets, as in ['a', 'b']")
    if found == "," and (number := _decimal_comma(before, after)):
        return Unparsed(offset, f"',' is not expected here; write {number}")
    if found[:1] in {"'", '"'}:
        comma = " without a comma before it" if before.rstrip()[-1:] in {"'", '"'} else ""
        return Unparsed(offset, f"the text {found} is not expected here{comma}")
    instead = OPERATORS.get(found.lower())
    expected = f"'{found}' is not expected here"
    return Unparsed(offset, f"{expected}; write {instead}" if instead else expected)


def _decimal_comma(before: str, after: str) -> str:
    """`1.5` where `1,5` is written around a comma; empty if there are no numbers.

    >>> _decimal_comma("x > 1", ",5 && y")
    '1.5'
    >>> _decimal_comma("x > 1.000", ",50")
    '1000.50'
    """
    whole, part = re.search(r"[0-9.]+$", before), re.match(r",([0-9]+)", after)
    return f"{whole[0].replace('.', '')}.{part[1]}" if whole and part else ""
