"""The state computed again from the log, to check what is kept or to learn it anew.

Both functions need a data directory that no process is writing to, and hold all customers in memory.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from engine.codec import SchemaNote, decode_customer, encode_customer
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.entries import read_checkpoint, read_entries, read_schemas
from engine.edges.state.fold import Fold
from engine.edges.state.names import JOURNAL
from engine.model import Customer, CustomerId, TrainingExample


class Rebuilt(NamedTuple):
    """All customers as of the place `seq` in the log."""

    seq: int
    customers: dict[CustomerId, Customer]


def rebuild(
    data_dir: Path,
    *,
    teach: Callable[[TrainingExample], None],
    register: Callable[[Mapping[str, Any]], None],
) -> Rebuilt:
    """The state from nothing but the log, from its first entry on.

    Raises:
        StorageError: the log cannot be read.
    """
    path = data_dir / JOURNAL
    with closing(open_reader(path)) as reader, storage_errors(path):
        return _rest(reader, 0, {}, Fold(teach, register))


def recover(
    data_dir: Path,
    *,
    teach: Callable[[TrainingExample], None],
    register: Callable[[Mapping[str, Any]], None],
    restore: Callable[[bytes], None],
) -> Rebuilt:
    """The state as a start finds it: the last checkpoint, and the rest of the log after it.

    Raises:
        StorageError: the log or the checkpoint cannot be read.
    """
    path = data_dir / JOURNAL
    fold = Fold(teach, register)
    with closing(open_reader(path)) as reader, storage_errors(path):
        reader.execute("BEGIN")
        seq, model = read_checkpoint(reader)
        for number, note in read_schemas(reader, seq):
            fold.step(number, note, None)
        if model is not None:
            restore(model)
        stored = [decode_customer(body) for (body,) in reader.execute("SELECT body FROM customers")]
        return _rest(reader, seq, {customer.customer_id: customer for customer in stored}, fold)


def digest(customers: Iterable[Customer]) -> str:
    """A hex digest of customers in any order: equal for equal customers."""
    total = 0
    for customer in customers:
        canonical = orjson.dumps(
            orjson.loads(encode_customer(customer)), option=orjson.OPT_SORT_KEYS
        )
        total += int.from_bytes(hashlib.sha256(canonical).digest())
    return f"{total % (1 << 256):064x}"


def _rest(
    reader: sqlite3.Connection, seq: int, customers: dict[CustomerId, Customer], fold: Fold
) -> Rebuilt:
    for number, entry in read_entries(reader, seq, -1):
        customer = None
        if not isinstance(entry, SchemaNote):
            customer = customers.get(entry.customer_id)
            if customer is None:
                customer = customers[entry.customer_id] = Customer(entry.customer_id)
        fold.step(number, entry, customer)
        seq = number
    return Rebuilt(seq, customers)
