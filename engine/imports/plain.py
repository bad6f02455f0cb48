"""Plain CSV: text without a quote, of which every line is a row, taken many rows at a time.

Most files of customers are so plain. Whatever has a quote, a NUL, an odd line end or another encoding
in it is read row by row (`engine.imports.table`), which gives the same rows.
"""

import codecs
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import numpy as np
import polars as pl

_BYTES: Final = 8 << 20
_NEWLINE: Final = ord("\n")
_GZIP: Final = b"\x1f\x8b"


class Line(NamedTuple):
    """A line that is not as long as the header, or has too long a cell."""

    number: int
    text: str


class Block(NamedTuple):
    """Some lines of a file.

    `numbers` are the lines (from 1, the header's) of the rows whose `cells` these are, column by
    column; `odd` are the others.
    """

    numbers: Sequence[int]
    cells: Sequence[pl.Series]
    odd: Sequence[Line]


@dataclass(slots=True)
class PlainFile:
    """A plain CSV file; `read` is how many of its bytes have been read, as they are on disk."""

    path: Path
    separator: str
    columns: int
    read: int = field(default=0, init=False)

    def is_plain(self) -> bool:
        """Whether every line is a row; reads the whole file."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        last = b""
        try:
            with self.path.open("rb") as raw, _unzipped(raw) as stream:
                while block := stream.read(_BYTES):
                    joint = last + block
                    if b'"' in block or b"\0" in block or _has_bare_return(joint):
                        return False
                    decoder.decode(block)
                    last = block[-1:]
            decoder.decode(b"", final=True)
        except (UnicodeError, EOFError, OSError):
            return False
        return last != b"\r" and self.separator.isascii() and len(self.separator) == 1

    def blocks(self) -> Iterator[Block]:
        """The lines behind the header, block by block. Only of a file that `is_plain`."""
        rest, number = b"", 1
        with self.path.open("rb") as raw, _unzipped(raw) as stream:
            while block := stream.read(_BYTES):
                self.read = raw.tell()
                whole, end, rest = (rest + block).replace(b"\r\n", b"\n").rpartition(b"\n")
                if end:
                    made = self._block(whole + end, number)
                    number += whole.count(b"\n") + 1
                    yield made
            if rest:
                yield self._block(rest + b"\n", number)

    def _block(self, text: bytes, first: int) -> Block:
        """The block of these lines, of which the first has the number `first`."""
        letters = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(letters == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        parted = np.add.reduceat(letters == ord(self.separator), starts, dtype=np.int64)
        lengths = ends - starts
        sound = (parted == self.columns - 1) & (lengths > 0) & (lengths < csv.field_size_limit())
        if first == 1:
            sound[0] = False
        numbers = np.arange(first, first + len(ends))
        odd = []
        if not sound.all():
            lines = text.split(b"\n")[:-1]
            odd = [
                Line(int(numbers[at]), lines[at].decode())
                for at in np.flatnonzero(~sound & (lengths > 0))
                if numbers[at] > 1
            ]
            text = b"".join(lines[at] + b"\n" for at in np.flatnonzero(sound))
        return Block(numbers[sound], self._cells(text), odd)

    def _cells(self, text: bytes) -> list[pl.Series]:
        if not text:
            return [pl.Series(dtype=pl.String)] * self.columns
        return pl.read_csv(
            io.BytesIO(text),
            has_header=False,
            separator=self.separator,
            quote_char=None,
            infer_schema=False,
            empty_string_is_null=False,
        ).get_columns()


def _has_bare_return(block: bytes) -> bool:
    """Whether a carriage return ends a line alone; one at the very end is not judged."""
    return block[:-1].count(b"\r") != block.count(b"\r\n")


def _unzipped(raw: BinaryIO) -> BinaryIO:
    zipped = raw.read(2) == _GZIP
    raw.seek(0)
    stream = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if zipped else raw
    if stream.read(3) != codecs.BOM_UTF8:
        stream.seek(0)
    return stream
