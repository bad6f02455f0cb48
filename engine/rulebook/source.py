"""One rule file as text, and where in it each character stands."""

import re
from bisect import bisect_right
from codecs import BOM_UTF8
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from engine.rulebook.report import Mistake, Place

UNWELCOME: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]"
)
"""Characters no rule file holds, written as they are or as escapes."""
_NAMES = {
    "\r": "a carriage return without a line feed",
    "\x85": "a NEXT LINE character",
    "\u2028": "a LINE SEPARATOR character",
    "\u2029": "a PARAGRAPH SEPARATOR character",
    "\ufeff": "a byte order mark",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The text of one file; `starts` are the offsets at which its lines begin."""

    path: str
    text: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, path: str, text: str) -> "SourceFile":
        r"""The file with its line starts found.

        >>> SourceFile.of("a.yaml", "one\ntwo").place(5)
        Place(file='a.yaml', line=2, column=2)
        """
        lengths = [len(line) + 1 for line in text.split("\n")[:-1]]
        return cls(path, text, tuple(accumulate(lengths, initial=0)))

    def place(self, offset: int) -> Place:
        """The place of the character at `offset`."""
        line = bisect_right(self.starts, offset)
        return Place(self.path, line, offset - self.starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """A line by its number (from 1), without its end; empty after the last."""
        if number > len(self.starts):
            return ""
        begin = self.starts[number - 1]
        end = self.text.find("\n", begin)
        return self.text[begin : end if end >= 0 else None]


def unshown(character: str) -> str:
    """What to say of a character in a text that nothing can show."""
    return f"the character U+{ord(character):04X} cannot be shown: remove it"


def decoded(path: str, content: bytes) -> SourceFile:
    """The file's text, which must be UTF-8 without control characters.

    A byte order mark at its beginning, as some editors write, is no part of it.

    Raises:
        Mistake: naming the first byte or character that is not text.
    """
    content = content.removeprefix(BOM_UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").replace("\r\n", "\n")
        place = SourceFile.of(path, before).place(len(before))
        byte = content[error.start]
        raise Mistake(
            (place, f"byte 0x{byte:02x} is not UTF-8 text: save the file as UTF-8")
        ) from None
    source = SourceFile.of(path, text.replace("\r\n", "\n"))
    if stray := UNWELCOME.search(source.text):
        name = _NAMES.get(stray[0], f"control character 0x{ord(stray[0]):02x}")
        raise Mistake((source.place(stray.start()), f"{name} does not belong here: remove it"))
    return source
