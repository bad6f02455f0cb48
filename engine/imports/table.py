"""The table somebody brings: CSV or Parquet, read row by row, each row with the line it stands in.

CSV is read by the standard library's reader and not by polars, because only it knows the line of
every row (quoted cells may hold line ends), survives a broken row, and needs no more memory for ten
million rows than for ten.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import polars as pl

from engine.errors import InvalidInput, Violation
from engine.imports.plain import Line, PlainFile

_SEPARATORS: Final = ",;\t|"
_UTF8: Final = frozenset({"utf-8", "utf8"})
_GZIP: Final = b"\x1f\x8b"
_SLICE: Final = 20_000
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNREADABLE: Final = ("has bytes that are no text in this encoding", "has a NUL character in it")
_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)


class Row(NamedTuple):
    """One row. `cells` are texts in CSV, and what Parquet says they are in Parquet.

    `number` is the line a row of CSV begins in (the header is line 1), or the row of a Parquet file
    (from 1). `problem` is empty, or says why the row cannot be read; `column` then names the cell, if
    it is known.
    """

    number: int
    cells: Sequence[Any]
    problem: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """An open table. `unit` is what `Row.number` counts: "line" or "row".

    `progress` tells how much of `size` has been read; both are bytes, or rows of Parquet. `lines` are
    the same rows for whoever takes many at a time, of CSV in UTF-8 that may be plain enough for that.
    """

    header: tuple[str, ...]
    rows: Iterator[Row]
    unit: str
    size: int
    progress: Callable[[], int]
    separator: str = ""
    lines: PlainFile | None = None


@contextmanager
def open_table(path: Path, separator: str = "", encoding: str = "utf-8") -> Iterator[Table]:
    """Opens a `.parquet` file, or any other as CSV, gzipped or not; `separator` "" is found out.

    Raises:
        InvalidInput: the file is no table: it is empty, a column has no name or another's.
        OSError: the file cannot be read.
    """
    with ExitStack() as stack:
        if path.suffix == ".parquet":
            table = _parquet(path)
        else:
            raw = stack.enter_context(path.open("rb"))
            try:
                lines = stack.enter_context(_text(raw, encoding))
                table = _csv(lines, separator, path.stat().st_size, raw.tell)
                if encoding.lower() in _UTF8:
                    table = _by_blocks(table, path)
            except _DAMAGED as error:
                raise _refused(path, f"the compressed file is damaged ({error})") from None
            except UnicodeError as error:
                raise _refused(path, f"is no text in the encoding {encoding} ({error})") from None
            except _Utf16:
                raise _refused(path, "looks like UTF-16: use --encoding utf-16") from None
        _check(table.header, path)
        yield table


class _Utf16(Exception):
    """The text is in an encoding of two bytes a character, and nobody said so."""


def _refused(path: Path, why: str) -> InvalidInput:
    return InvalidInput([Violation(str(path), why)])


def _check(header: Sequence[str], path: Path) -> None:
    wrong = [
        Violation(f"{path}:1", f"column {i} has no name")
        for i, name in enumerate(header, 1)
        if not name
    ]
    twice = {name for name in header if name and header.count(name) > 1}
    wrong += [Violation(f"{path}:1", f"two columns are named '{name}'") for name in sorted(twice)]
    if not header:
        wrong.append(Violation(str(path), "the file is empty"))
    if wrong:
        raise InvalidInput(wrong)


# --- CSV --------------------------------------------------------------------------------------


def _text(raw: BinaryIO, encoding: str) -> io.TextIOWrapper:
    zipped = raw.read(2) == _GZIP
    raw.seek(0)
    plain = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if zipped else raw
    if _is_utf16(plain.read(64)) and not encoding.lower().startswith(("utf-16", "utf16", "utf_16")):
        raise _Utf16
    plain.seek(0)
    encoding = "utf-8-sig" if encoding.lower() in _UTF8 else encoding
    return io.TextIOWrapper(plain, encoding, errors="surrogateescape", newline="")


def _is_utf16(start: bytes) -> bool:
    """Whether a text begins with UTF-16's mark, or every other byte of it is zero.

    >>> _is_utf16("id,name".encode("utf-16-le")), _is_utf16(b"id,name")
    (True, False)
    """
    if start[:2] in _MARKS:
        return start[:4] != codecs.BOM_UTF32_LE
    return len(start) > 3 and any(not any(start[i::2]) for i in (0, 1))


def _csv(lines: Iterator[str], separator: str, size: int, position: Callable[[], int]) -> Table:
    first = next(lines, "")
    if not first.strip():
        return Table((), iter(()), "line", size, position)
    separator = separator or _separator(first)
    reader = csv.reader(_again(first, lines), delimiter=separator, strict=True)
    try:
        header = tuple(name.strip() for name in next(reader))
    except csv.Error as error:
        raise InvalidInput([Violation("line 1", f"the header cannot be read: {error}")]) from None
    return Table(header, _rows(reader, header), "line", size, position, separator)


def _by_blocks(table: Table, path: Path) -> Table:
    """The same table, which can also be read many rows at a time."""
    lines = PlainFile(path, table.separator, len(table.header))
    return replace(table, lines=lines, progress=lambda: max(table.progress(), lines.read))


def row_of(line: Line, table: Table) -> Row:
    """A line of plain CSV as the row it makes, read like every other."""
    reader = csv.reader([line.text], delimiter=table.separator, strict=True)
    return next(_rows(reader, table.header))._replace(number=line.number)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _separator(header: str) -> str:
    """The separator that parts the header most often.

    >>> _separator("id;name, first;age")
    ';'
    """
    return max(_SEPARATORS, key=header.count)


def _rows(reader: Any, header: Sequence[str]) -> Iterator[Row]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, (), _told(error, line, reader.line_num))
            continue
        except _DAMAGED as error:
            yield Row(line, (), f"the compressed file is damaged or cut short here ({error})")
            return
        except UnicodeError as error:
            yield Row(line, (), f"from here on it is no text in this encoding ({error})")
            return
        if not cells:
            continue
        if len(cells) != len(header):
            count = f"has {len(cells)} cells, but the header has {len(header)}"
            yield Row(line, cells, count)
        elif (bad := _undecoded(cells)) is not None:
            yield Row(line, cells, _UNREADABLE["\0" in cells[bad]], header[bad])
        else:
            yield Row(line, cells)


def _told(error: csv.Error, first: int, last: int) -> str:
    if "field limit" in str(error):
        most = f"a cell has more than {csv.field_size_limit():,} characters"
        hint = f" and goes on to line {last}: is a quote not closed?" if last > first else ""
        return f"cannot be read: {most}{hint}"
    through = f", which goes on to line {last}" if last > first else ""
    return f"cannot be read: a quote that is not closed, or stands within a cell{through} ({error})"


def _undecoded(cells: Sequence[str]) -> int | None:
    """The first cell with bytes that could not be decoded, or that are zero."""
    whole = "".join(cells)
    try:
        whole.encode()
    except UnicodeEncodeError:
        pass
    else:
        if "\0" not in whole:
            return None
    return next(i for i, cell in enumerate(cells) if any(c == "\0" or _is_raw(c) for c in cell))


def _is_raw(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


# --- Parquet ----------------------------------------------------------------------------------


def _parquet(path: Path) -> Table:
    lazy = pl.scan_parquet(path)
    try:
        header = tuple(lazy.collect_schema())
        count = int(lazy.select(pl.len()).collect().item())
    except pl.exceptions.PolarsError as error:
        raise InvalidInput([Violation(str(path), f"is no Parquet file: {error}")]) from None
    done = [0]

    def rows() -> Iterator[Row]:
        for offset in range(0, count, _SLICE):
            part = lazy.slice(offset, _SLICE).collect()
            for number, cells in enumerate(part.iter_rows(), offset + 1):
                done[0] = number
                yield Row(number, cells)

    return Table(header, rows(), "row", count, lambda: done[0])
