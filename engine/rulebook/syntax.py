"""YAML's own complaints in plain language, at the place where something is to be done."""

import re
from typing import Final, NamedTuple, Protocol

import yaml

from engine.rulebook.source import SourceFile


class _Mark(Protocol):
    """A place as the YAML parser tells it; the C parser's marks have a type of their own."""

    @property
    def index(self) -> int: ...


_NEVER_CLOSED = "the quote opened here is never closed"
_CLOSING: Final = {"{": "}", "[": "]"}
_IN_BRACES = (
    "inside {}…{} a text with ':', '?', '!', ',', brackets or a quote must be put in quotes"
)
_BEFORE = r"(?:^|(?<=[\[{,:-])|(?<=[:,-] ))\s*"
_QUOTED = re.compile(_BEFORE + r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_QUOTE = re.compile(_BEFORE + r"""["']""")
_BARE_KEY = re.compile(r"\s*(?:- +)*([\w.-]+)\s+[{\[]")
_BARE_ITEM = re.compile(r"\s*(?:- +)+((?:[\w.-]+\s+\S|[\w.-]+:\S).*)")
_VALUE = re.compile(r"\s*(?:- +)*(?:[^\s'\"{\[#][^#:]*:\s+)?(?=\S)")


class SyntaxMistake(NamedTuple):
    """A syntax error: where, in plain words, and the lines (from 1) that cannot be read for it."""

    offset: int
    message: str
    first_line: int
    last_line: int


def syntax_mistake(error: yaml.MarkedYAMLError, source: SourceFile) -> SyntaxMistake:
    """What the YAML parser's error means for whoever wrote the file."""
    problem = _offset(error.problem_mark, source)
    context = _offset(error.context_mark, source) if error.context_mark else problem
    quote = _open_quote(source, source.place(problem).line)
    if quote is not None:
        line = source.place(quote).line
        return SyntaxMistake(quote, _NEVER_CLOSED, line, line)
    offset, message = _explained(error, source, problem, context)
    first = source.place(context if _opens(source.text, context) else offset).line
    ends_there = "never closed" in message or offset == context
    last = first if ends_there else max(first, source.place(problem).line)
    return SyntaxMistake(offset, message, first, last)


def _open_quote(source: SourceFile, last: int) -> int | None:
    """The first quote up to a line that is closed neither there nor on a line indented deeper.

    The parser reads on to the next quote, wherever it is, and complains there or at the end.
    """
    for number in range(1, last + 1):
        line = source.line(number)
        quote = _QUOTED.sub(lambda match: "_" * len(match[0]), line)
        if (match := _QUOTE.search(quote)) and "#" not in quote[: match.end()]:
            below = next(
                (text for n in range(number + 1, last + 2) if (text := source.line(n)).strip()), ""
            )
            if len(below) - len(below.lstrip()) <= len(line) - len(line.lstrip()):
                return source.starts[number - 1] + match.end() - 1
    return None


def _explained(
    error: yaml.MarkedYAMLError, source: SourceFile, problem: int, context: int
) -> tuple[int, str]:
    """The place and the plain message for one complaint of the parser."""
    said, while_ = error.problem or "", error.context or ""
    found = source.text[problem : problem + 1]
    if "tab character" in said or (found == "\t" and "cannot start" in said):
        return problem, "a tab is no indentation: use spaces"
    if "simple key" in while_:
        return context, without_colon(source.line(source.place(context).line))
    if "quoted scalar" in while_:
        if "escape" in said or "hexdecimal" in said:
            return source.text.rfind("\\", 0, problem + 1), (
                "a backslash in double quotes begins an escape: double it or use single quotes"
            )
        return context, _NEVER_CLOSED
    if "flow" in while_ and source.text[context : context + 1] in _CLOSING:
        return _flow(source, problem, context)
    if "flow node" in while_ and (opening := _open_bracket(source.text, problem)) is not None:
        return _flow(source, problem, opening)
    start = _value_start(source, problem)
    sign = source.text[start : start + 1]
    if sign in {"*", "&", "!"} and ("anchor" in while_ or "alias" in while_ or "tag" in while_):
        return start, f"a text that begins with '{sign}' must be put in quotes"
    return _block(said, source, problem)


def _flow(source: SourceFile, problem: int, context: int) -> tuple[int, str]:
    opening = source.text[context]
    closing = _CLOSING[opening]
    if source.place(problem).line != source.place(context).line or problem >= len(source.text):
        return context, f"the '{opening}' opened here is never closed with '{closing}'"
    if source.text[problem] == ",":
        return problem, "there is nothing before this comma: leave it out"
    return problem, _IN_BRACES.format(opening, closing)


def _open_bracket(text: str, end: int) -> int | None:
    """The last bracket before `end` that is not closed there; None if there is none."""
    closed = 0
    for at in range(end - 1, -1, -1):
        if text[at] in _CLOSING.values():
            closed += 1
        elif text[at] in _CLOSING and closed:
            closed -= 1
        elif text[at] in _CLOSING:
            return at
    return None


def _block(said: str, source: SourceFile, problem: int) -> tuple[int, str]:
    start = _value_start(source, problem)
    first, found = source.text[start : start + 1], source.text[problem : problem + 1]
    closing = _CLOSING.get(first, "")
    if closing and start < problem and closing not in source.text[start:problem]:
        return problem, _IN_BRACES.format(first, closing)
    if found in _CLOSING.values():
        return problem, f"this '{found}' closes nothing"
    if closing and start < problem:
        return start, f"a text that begins with '{first}' must be put in quotes"
    if first in {"*", "&", "!"} and start < problem:
        return start, f"a text that begins with '{first}' must be put in quotes"
    if "cannot start any token" in said:
        return problem, f"a text cannot begin with '{found}': put it in quotes"
    if "mapping values" in said:
        if bare := _BARE_KEY.match(source.line(source.place(problem).line)):
            begin = source.starts[source.place(problem).line - 1] + bare.start(1)
            return begin, without_colon(bare[0])
        if ": " in source.text[source.starts[source.place(problem).line - 1] : problem]:
            return problem, "a text that contains ': ' must be put in quotes"
        if (above := _bare_item_above(source, problem)) is not None:
            return above
        return problem, (
            "a key cannot stand here: check its indentation, and the quotes of the text above it"
        )
    if first in {"'", '"'} and start < problem:
        return start, "a text that begins with a quote ends at the next one: quote the whole of it"
    if "sequence entries" in said:
        return problem, "a list begins on the line below its key"
    if "expected key" in said or "'-' indicator" in said or "document start" in said:
        return problem, "this does not fit its neighbours: check the indentation and the line above"
    return problem, f"this is not YAML: {said or 'the text cannot be read'}"


def _bare_item_above(source: SourceFile, problem: int) -> tuple[int, str] | None:
    """The item of a list on the line above whose first key has no colon, so that it is a text."""
    number = source.place(problem).line - 1
    while number and not source.line(number).partition("#")[0].strip():
        number -= 1
    match = _BARE_ITEM.fullmatch(source.line(number)) if number else None
    if match is None:
        return None
    return source.starts[number - 1] + match.start(1), without_colon(match[1])


def without_colon(line: str) -> str:
    """What to say of a line that should be `key: value`."""
    if re.search(r":[^ \t\n]", line):
        return "write a space after the ':' of a key"
    return f"the key '{line.lstrip(' -').split(maxsplit=1)[0]}' needs a ':' after it"


def _opens(text: str, offset: int) -> bool:
    return text[offset : offset + 1] in {"{", "[", "'", '"'}


def _value_start(source: SourceFile, offset: int) -> int:
    """Where the value on the line of `offset` begins."""
    number = source.place(offset).line
    match = _VALUE.match(source.line(number))
    start = source.starts[number - 1] + (match.end() if match else 0)
    return min(start, offset)


def _offset(mark: _Mark | None, source: SourceFile) -> int:
    return 0 if mark is None else min(mark.index, len(source.text))
