"""The people: who asks, from a file of customers or made up."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from engine.errors import InvalidInput, Violation

COLUMN: Final = "customer_id"


def customers(named: str) -> tuple[str, ...] | int:
    """Who asks: how many are made up, or the ids in a file.

    A file whose name ends in `.csv` has them in its column `customer_id`, as `attune import customers`
    reads it; any other has one a line.

    >>> customers("100")
    100

    Raises:
        InvalidInput: neither a positive number nor a file with ids.
    """
    if named.isdecimal() and int(named) > 0:
        return int(named)
    try:
        with Path(named).open(encoding="utf-8-sig", newline="") as lines:
            found = _column(lines, named) if named.endswith(".csv") else lines
            ids = tuple(filter(None, map(str.strip, found)))
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "it is no text"
        raise _unfit(f"{named} is neither a number nor a file of ids ({reason})") from None
    if not ids:
        raise _unfit(f"{named} holds no id")
    return ids


def _column(lines: Iterable[str], named: str) -> list[str]:
    rows = csv.DictReader(lines)
    if COLUMN not in (rows.fieldnames or ()):
        raise _unfit(f"{named} has no column {COLUMN}")
    return [row[COLUMN] or "" for row in rows]


def _unfit(why: str) -> InvalidInput:
    return InvalidInput([Violation("--customers", why)])
