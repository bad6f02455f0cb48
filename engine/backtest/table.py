"""Tables people bring: CSV and Parquet files, read whole, their columns' types found out."""

import codecs
import csv
import gzip
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import polars as pl

from engine.errors import InvalidInput, Violation
from engine.features import Feature, FeatureKind
from engine.rulebook.names import did_you_mean

Wanted: TypeAlias = Callable[[Sequence[str]], Collection[str]]
"""Which columns to read, given the names of all."""

MOST_VALUES: Final = 64
"""A text column with more different values than this is an open category."""

_PARQUET: Final = (".parquet", ".pq")
_SEPARATORS: Final = ",;\t|"
_NO_NUMBER: Final = ("NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "?", "-")
_MONEY: Final = r"^([-+]?)\s*[$€£₦]?\s*"
_THOUSANDS: Final = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
_DECIMAL_COMMA: Final = r"^[-+]?\d*,\d+$"
_CODE: Final = r"^0\d"
_MOMENTS: Final = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m-%d-%Y",
)
_NAMELESS: Final = re.compile(r"_duplicated_\d+")
_NUMBERED: Final = re.compile(r"column_\d+_*")
_DAY_US: Final = 86_400_000_000
_UNLIKE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a feature: its values are Python's own, None where missing.

    `useless` says why nothing can be learned from it ("because …"); empty if something can.
    """

    feature: Feature
    values: list[Any]
    useless: str = ""


def read_table(
    path: Path, separator: str | None = None, wanted: Wanted | None = None
) -> pl.DataFrame:
    """The whole file, or what is `wanted` of it; columns of a CSV are text without the blanks around.

    CSV may be gzipped. Without a `separator` the header shows which of `, ; tab |` it is. Blank cells
    are null, lines without any value are left out; a column with a blank header is called by its
    place (`column_7`).

    Raises:
        InvalidInput: if there is no such file, or it cannot be read: says what and where.
    """
    if path.is_dir():
        _refuse(str(path), "this is a directory: name a file in it")
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        _refuse(str(path), f"there is no such file.{did_you_mean(path.name, siblings)}")
    read = _read_parquet if path.suffix in _PARQUET else partial(_read_csv, separator=separator)
    frame = read(path, wanted=wanted)
    frame = frame.with_columns(_blank_is_null(pl.col(pl.String)))
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if frame.is_empty():
        _refuse(str(path), "the file has no rows")
    return frame


def column(series: pl.Series) -> Column:
    """The column as a feature, its type found out from all of its values."""
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    known = series.drop_nulls()
    if known.n_unique() < 2:
        return Column(
            Feature(series.name, FeatureKind.NUMBER), [], "because there is one value only"
        )
    if series.dtype == pl.String:
        return _text_column(series, known)
    if series.dtype == pl.Boolean:
        return Column(Feature(series.name, FeatureKind.FLAG), series.to_list())
    if series.dtype == pl.List(pl.String):
        return Column(Feature(series.name, FeatureKind.SET), series.to_list())
    numbers = _typed_numbers(series)
    if numbers is None:
        return Column(
            Feature(series.name, FeatureKind.NUMBER),
            [],
            f"because {series.dtype} is no type to learn from",
        )
    return _number_column(numbers)


def _read_parquet(path: Path, *, wanted: Wanted | None) -> pl.DataFrame:
    try:
        header = list(pl.read_parquet_schema(path))
        return pl.read_parquet(path, columns=_kept(header, header, wanted))
    except (pl.exceptions.PolarsError, OSError) as error:
        _refuse(str(path), f"this is no Parquet file that can be read: {_first_line(error)}")


def _read_csv(path: Path, *, separator: str | None, wanted: Wanted | None) -> pl.DataFrame:
    guessed = _guess_separator(path)
    separator = separator or guessed
    read = partial(
        pl.read_csv, path, separator=separator, infer_schema=False, encoding="utf8-lossy"
    )
    try:
        header = read(n_rows=1).columns
        names = _named(header)
        kept = _kept(header, [names.get(name, name) for name in header], wanted)
        last = header[-1]
        table = read(columns=kept if kept is None or last in kept else [*kept, last])
    except pl.exceptions.NoDataError:
        _refuse(str(path), "the file is empty")
    except (pl.exceptions.PolarsError, OSError) as error:
        _refuse_rows(path, separator)
        _refuse(str(path), f"the rows cannot be read: {_first_line(error)}")
    if table[last].has_nulls():  # polars makes up a line that is too short with nulls
        _refuse_rows(path, separator)
    return (table if kept is None else table.select(kept)).rename(names, strict=False)


def _kept(header: Sequence[str], names: Sequence[str], wanted: Wanted | None) -> list[str] | None:
    """The columns of a header to be read, given how they are to be called; None for all."""
    if wanted is None:
        return None
    chosen = set(wanted(names))
    return [column for column, name in zip(header, names, strict=True) if name in chosen]


def _named(header: Sequence[str]) -> dict[str, str]:
    """New names for columns whose header is blank: they are called by their place, column_7.

    Polars calls the first of several such columns "" and the others "_duplicated_0" and so on.
    """
    taken = set(header)
    names = {}
    for place, name in enumerate(header, 1):
        if not name.strip() or ("" in taken and _NAMELESS.fullmatch(name)):
            new = f"column_{place}"
            while new in taken:
                new += "_"
            names[name] = new
            taken.add(new)
    return names


def _refuse_rows(path: Path, separator: str) -> None:
    """Says which line of a CSV does not have as many fields as its header, if any; a blank one has none."""
    width = 0
    try:
        with _open_text(path) as lines:
            reader = csv.reader(lines, delimiter=separator, strict=True)
            for row in reader:
                width = width or len(row)
                if row and len(row) != width:
                    _refuse(
                        f"{path}:{reader.line_num}",
                        f"the line has {len(row)} fields, the header has {width}."
                        " Is the separator right, are texts quoted?",
                    )
    except (csv.Error, OSError, EOFError) as found:
        _refuse(str(path), f"the rows cannot be read: {_first_line(found)}")


def _guess_separator(path: Path) -> str:
    """The separator that is most frequent in the header, a comma if none is."""
    try:
        with _open_text(path) as lines:
            start = lines.buffer.peek(2)[:2]  # type: ignore[attr-defined]  # a BufferedReader or a GzipFile
            if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                _refuse(str(path), "the file looks like UTF-16: save it as UTF-8")
            header = lines.readline()
    except (OSError, EOFError) as error:
        _refuse(str(path), f"the file cannot be read: {_first_line(error)}")
    return max(_SEPARATORS, key=header.count)


def _open_text(path: Path) -> io.TextIOWrapper:
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    raw = gzip.open(path) if packed else path.open("rb")  # noqa: SIM115  # closed with what is returned
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")


def _blank_is_null(text: pl.Expr) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when(stripped != "").then(stripped).otherwise(None).name.keep()


def _text_column(series: pl.Series, known: pl.Series) -> Column:
    words = set(known.str.to_lowercase().unique())
    if words <= {"true", "false"}:
        flags = series.str.to_lowercase() == "true"
        return Column(Feature(series.name, FeatureKind.FLAG), flags.to_list())
    for numbers in _readings(series):
        return _number_column(numbers)
    different = known.n_unique()
    if different > _UNLIKE * len(known):
        return Column(
            Feature(series.name, FeatureKind.CATEGORY),
            [],
            "because it is different for almost everybody",
        )
    declared = tuple(sorted(known.unique())) if different <= MOST_VALUES else ()
    return Column(Feature(series.name, FeatureKind.CATEGORY, declared), series.to_list())


def _readings(series: pl.Series) -> Iterator[pl.Series]:
    """The text read as numbers or, if these are no numbers, as moments; nothing if it is neither."""
    text = series.to_frame().select(
        pl.when(pl.first().is_in(_NO_NUMBER)).then(None).otherwise(pl.first()).alias(series.name)
    )[series.name]
    known = text.drop_nulls()
    if known.is_empty() or known.str.contains(_CODE).any():
        known = series.drop_nulls()
    else:
        for numbers in (text, _bare(text)):
            read = numbers.cast(pl.Float64, strict=False)
            if read.null_count() == text.null_count():
                yield read
                return
    for pattern in _MOMENTS:
        moments = text.str.to_datetime(pattern, strict=False)
        if len(known) and moments.null_count() == text.null_count():
            yield moments.dt.epoch("us") / _DAY_US
            return


def _bare(text: pl.Series) -> pl.Series:
    """Amounts without currency, percent sign and thousands separators, a decimal comma as a point."""
    bare = text.str.replace(_MONEY, "$1").str.strip_chars_end(" %€£₦$")
    known = bare.drop_nulls()
    if known.str.contains(_DECIMAL_COMMA).any() and not known.str.contains(r"\.").any():
        whole = known.filter(known.str.contains(",")).str.contains(_THOUSANDS).all()
        return bare.str.replace_all(",", "" if whole else ".", literal=True)
    fits = bare.str.contains(_THOUSANDS).fill_null(value=False)
    stripped = bare.str.replace_all(",", "", literal=True)
    return bare.zip_with(~fits, stripped)


def _typed_numbers(series: pl.Series) -> pl.Series | None:
    dtype = series.dtype
    if dtype.is_numeric():
        return series.cast(pl.Float64)
    if dtype in (pl.Date, pl.Datetime):
        return series.cast(pl.Datetime("us")).dt.epoch("us") / _DAY_US
    if dtype == pl.Duration:
        return series.cast(pl.Duration("us")).dt.total_microseconds() / _DAY_US
    return None


def _number_column(numbers: pl.Series) -> Column:
    feature = Feature(numbers.name, FeatureKind.NUMBER)
    known = numbers.drop_nulls()
    whole = bool((known == known.floor()).all())
    if whole and _is_called_id(numbers.name) and known.n_unique() == len(known):
        return Column(feature, [], "because it is different for everybody")
    return Column(feature, numbers.to_list())


def _is_called_id(name: str) -> bool:
    return (
        name.lower() in ("id", "index")
        or bool(_NUMBERED.fullmatch(name))
        or name.endswith(("ID", "Id", "_id", " id", "-id"))
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _refuse(where: str, problem: str) -> NoReturn:
    raise InvalidInput([Violation(where, problem)])
