"""Plain CSV: text of which every line is a row, taken many rows at a time.

Most files of customers are so plain. What has a quoted line end, a quote within a cell that is not
quoted, a NUL, a bare carriage return or another encoding in it is read row by row
(`engine.imports.table`), which gives the same rows.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import polars as pl

_BYTES: Final = 8 << 20
_NEWLINE: Final = ord("\n")
_GZIP: Final = b"\x1f\x8b"


class Line(NamedTuple):
    """A line that has more or fewer cells than the header, or is very long."""

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
    """A CSV file that may be plain; `read` is how many of its bytes were read, as they are on disk."""

    path: Path
    separator: str
    columns: int
    read: int = field(default=0, init=False)

    def is_plain(self) -> bool:
        """Whether every line is a row; reads the whole file."""
        if not self.separator.isascii() or self.separator in '"\r\n' or self.columns == 0:
            return False
        try:
            return all(self._all_rows(text) for text in self._texts())
        except (UnicodeError, EOFError, OSError, zlib.error):
            return False
        finally:
            self.read = 0

    def blocks(self) -> Iterator[Block]:
        """The lines behind the header, block by block. Only of a file that `is_plain`."""
        number = 1
        for text in self._texts():
            yield self._block(text, number)
            number += text.count(b"\n")

    def _texts(self) -> Iterator[bytes]:
        """The file, some whole lines at a time, each ended by a line feed alone."""
        rest = b""
        with self.path.open("rb") as raw, _unzipped(raw) as stream:
            while block := stream.read(_BYTES):
                self.read = raw.tell()
                whole, end, rest = (rest + block).replace(b"\r\n", b"\n").rpartition(b"\n")
                if end:
                    yield whole + end
        if rest:
            yield rest + b"\n"

    def _all_rows(self, text: bytes) -> bool:
        if b"\0" in text or b"\r" in text:
            return False
        decoded = text.decode()
        if '"' not in decoded:
            return True
        quoted = [line for line in decoded.split("\n") if '"' in line]
        return bool(pl.Series(quoted).str.contains(self._row_of("*")).all())

    def _row_of(self, cells: str) -> str:
        """A regular expression of rows: `cells` says how many come behind the first."""
        separator = f"\\x{ord(self.separator):02x}"
        cell = rf'(?:[^"{separator}]*|"(?:[^"]|"")*")'
        return f"^{cell}(?:{separator}{cell}){cells}$"

    def _block(self, text: bytes, first: int) -> Block:
        """The block of these lines, of which the first has the number `first`."""
        letters = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(letters == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts
        sound = self._sound(text, letters, starts)
        sound &= (lengths > 0) & (lengths < csv.field_size_limit())
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
        return Block(numbers[sound].tolist(), self._cells(text), odd)

    def _sound(
        self, text: bytes, letters: npt.NDArray[np.uint8], starts: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.bool_]:
        """Which lines have as many cells as the header."""
        more = self.columns - 1
        if b'"' in text:
            lines = pl.Series(text.decode().split("\n")[:-1], dtype=pl.String)
            return lines.str.contains(self._row_of(f"{{{more}}}")).to_numpy().copy()
        parted = np.add.reduceat(letters == ord(self.separator), starts, dtype=np.int64)
        found: npt.NDArray[np.bool_] = parted == more
        return found

    def _cells(self, text: bytes) -> list[pl.Series]:
        if not text:
            return [pl.Series(dtype=pl.String)] * self.columns
        return pl.read_csv(
            io.BytesIO(text),
            has_header=False,
            separator=self.separator,
            quote_char='"' if b'"' in text else None,
            infer_schema=False,
            empty_string_is_null=False,
        ).get_columns()


def _unzipped(raw: BinaryIO) -> BinaryIO:
    zipped = raw.read(2) == _GZIP
    raw.seek(0)
    stream = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if zipped else raw
    if stream.read(3) != codecs.BOM_UTF8:
        stream.seek(0)
    return stream
