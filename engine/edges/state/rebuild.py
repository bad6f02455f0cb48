"""The state computed again from the log, to check what is kept or to learn it anew.

Both functions hold all customers in memory. `recover` needs a data directory that no process is
writing to; `rebuild` reads a log that only grows.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from engine.codec import encode_customer, owner
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.entries import read_checkpoint, read_entries, read_schemas
from engine.edges.state.fold import Fold
from engine.edges.state.mending import mended, stored
from engine.edges.state.names import JOURNAL
from engine.errors import DamagedData
from engine.model import Customer, CustomerId, Lesson

_EVERY: Final = (1 << 63) - 1


class Rebuilt(NamedTuple):
    """All customers as of the place `seq` in the log."""

    seq: int
    customers: dict[CustomerId, Customer]


def rebuild(
    data_dir: Path,
    *,
    teach: Callable[[Lesson], None],
    register: Callable[[Mapping[str, Any]], None],
    enough: Callable[[], bool] = lambda: False,
) -> Rebuilt:
    """The state from nothing but the log, from its first entry on until it is `enough`.

    Raises:
        StorageError: the log cannot be read.
    """
    path = data_dir / JOURNAL
    with closing(open_reader(path)) as reader, storage_errors(path):
        fold = Fold(teach, register, str(path))
        for number, note in read_schemas(reader, _EVERY):
            fold.step(number, note, None)
        return _rest(reader, 0, {}, fold, enough)


def recover(
    data_dir: Path,
    *,
    teach: Callable[[Lesson], None],
    register: Callable[[Mapping[str, Any]], None],
    restore: Callable[[bytes], None],
) -> Rebuilt:
    """The state as a start finds it: the last checkpoint, and the rest of the log after it.

    Raises:
        StorageError: the log or the checkpoint cannot be read.
    """
    path = data_dir / JOURNAL
    fold = Fold(teach, register, str(path))
    with closing(open_reader(path)) as reader, storage_errors(path):
        reader.execute("BEGIN")
        seq, model = read_checkpoint(reader)
        for number, note in read_schemas(reader, _EVERY):
            fold.step(number, note, None)
        if model is not None:
            restore(model)
        ids = [found for (found,) in reader.execute("SELECT customer_id FROM customers").fetchall()]
        customers = {customer_id: _known(reader, customer_id, seq, path) for customer_id in ids}
        return _rest(reader, seq, customers, fold)


def digest(customers: Iterable[Customer]) -> str:
    """A hex digest of customers in any order: equal for equal customers, which `revision` does not touch."""
    total = 0
    for customer in customers:
        encoded = encode_customer(replace(customer, revision=0))
        canonical = orjson.dumps(orjson.loads(encoded), option=orjson.OPT_SORT_KEYS)
        total += int.from_bytes(hashlib.sha256(canonical).digest())
    return f"{total % (1 << 256):064x}"


def _known(reader: sqlite3.Connection, customer_id: CustomerId, seq: int, path: Path) -> Customer:
    try:
        return stored(reader, customer_id, path)
    except DamagedData:
        return mended(reader, customer_id, seq, path)


def _rest(
    reader: sqlite3.Connection,
    seq: int,
    customers: dict[CustomerId, Customer],
    fold: Fold,
    enough: Callable[[], bool] = lambda: False,
) -> Rebuilt:
    for number, entry in read_entries(reader, seq, -1):
        customer, customer_id = None, owner(entry)
        if customer_id is not None:
            customer = customers.get(customer_id)
            if customer is None:
                customer = customers[customer_id] = Customer(customer_id)
        fold.step(number, entry, customer)
        seq = number
        if enough():
            break
    return Rebuilt(seq, customers)
