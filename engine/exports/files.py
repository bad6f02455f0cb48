"""Files: what is exported, under the names and in the formats that the trade's tools look for."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from engine.edges.rules.last import last_book
from engine.errors import StorageError
from engine.exports.interactions import interactions
from engine.exports.kinds import Export, FileFormat
from engine.exports.moments import file_stamp
from engine.exports.predictors import predictor_bins
from engine.exports.snapshots import model_snapshots
from engine.health.seen import Lessons, lessons_in
from engine.model import Micros
from engine.rulebook.book import RuleBook

NAMES: Final = {
    Export.MODELS: "Data-Decision-ADM-ModelSnapshot_pyModelSnapshots",
    Export.PREDICTORS: "Data-Decision-ADM-PredictorBinningSnapshot_pyADMPredictorSnapshots",
    Export.INTERACTIONS: "Data-pxStrategyResult_pxInteractionHistory",
}


def export(
    data: Path,
    into: Path,
    wanted: Sequence[Export],
    format_: FileFormat,
    book: RuleBook | None = None,
    since: Micros = 0,
    advance: Callable[[int], None] = lambda more: None,  # noqa: ARG005  # nobody listens
) -> tuple[tuple[Path, int], ...]:
    """Writes what is wanted of a data directory; returns the files, each with its number of rows.

    The service may be running. `book` says what issue an action is of and which models there could be,
    by default the one last in force. `advance` hears of each file written.

    Raises:
        InvalidInput: this is no data directory, or it keeps no book.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: something cannot be read or written.
    """
    book = last_book(data) if book is None else book
    lessons = lessons_in(data, since)
    until = max((seen.exposure.decided_at for seen in lessons.offers.values()), default=since)
    written = []
    try:
        into.mkdir(parents=True, exist_ok=True)
        for what in wanted:
            frame = _frame(what, data, book, lessons, until, since)
            path = into / f"{NAMES[what]}_{file_stamp(until)}.{format_}"
            write(frame, path, format_)
            written.append((path, frame.height))
            advance(1)
    except OSError as error:
        raise StorageError(f"{into} cannot be written: {error.strerror}") from error
    return tuple(written)


def write(frame: pl.DataFrame, path: Path, format_: FileFormat) -> None:
    """Writes a table.

    Raises:
        OSError: it cannot be written.
    """
    match format_:
        case FileFormat.PARQUET:
            frame.write_parquet(path)
        case FileFormat.CSV:
            frame.write_csv(path)
        case FileFormat.ZIP:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("data.json", frame.write_ndjson())


def _frame(
    what: Export, data: Path, book: RuleBook, lessons: Lessons, until: Micros, since: Micros
) -> pl.DataFrame:
    match what:
        case Export.MODELS:
            return model_snapshots(lessons, book, until)
        case Export.PREDICTORS:
            return predictor_bins(lessons, until)
        case Export.INTERACTIONS:
            return interactions(data, book, since)
