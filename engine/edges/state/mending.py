"""Customers whose stored row is damaged, computed again from the log, which teaches nobody anything.

The log holds no index by customer, so that this reads all of it: bearable for what is so rare.
"""

import logging
import sqlite3
from pathlib import Path

from engine.codec import decode_customer, encode_customer, owner
from engine.edges.journal.database import storage_error
from engine.edges.journal.entries import Journal, read_customer, read_entries_naming
from engine.edges.state.fold import Fold
from engine.errors import DamagedData
from engine.model import Customer, CustomerId

log = logging.getLogger(__name__)


def stored(reader: sqlite3.Connection, customer_id: CustomerId, path: Path) -> Customer:
    """The customer as of the last checkpoint; a fresh one if nobody has heard of them.

    Raises:
        DamagedData: the row makes no sense; names the file and the customer.
        sqlite3.Error: the disk cannot be read.
    """
    try:
        body = read_customer(reader, customer_id)
        customer = Customer(customer_id) if body is None else decode_customer(body)
    except sqlite3.Error as error:
        if isinstance(storage_error(path, error), DamagedData):
            raise _damaged(path, customer_id, error) from error
        raise
    except Exception as error:
        raise _damaged(path, customer_id, error) from error
    if customer.customer_id != customer_id:
        raise _damaged(path, customer_id, ValueError(f"it says {customer.customer_id!r}"))
    return customer


def mended(reader: sqlite3.Connection, customer_id: CustomerId, up_to: int, path: Path) -> Customer:
    """The customer as of the place `up_to`, from nothing but the log.

    The offers count as taught as far as the log says so: no lesson is given again. Entries that are
    damaged themselves are passed over, as in any replay.

    Raises:
        DamagedData: the log is damaged too, or tells nothing of this customer.
        sqlite3.Error: the disk cannot be read.
    """
    fold = Fold(_untaught, _untaught, str(path))
    customer = Customer(customer_id)
    try:
        for seq, entry in read_entries_naming(reader, customer_id, up_to):
            if owner(entry) in {customer_id, None}:
                fold.step(seq, entry, customer)
    except sqlite3.Error as error:
        if isinstance(storage_error(path, error), DamagedData):
            raise _damaged(path, customer_id, error) from error
        raise
    if customer == Customer(customer_id):
        raise _damaged(path, customer_id, ValueError("the log tells nothing of them"))
    log.warning("customer %r is computed again from the log in %s", customer_id, path)
    return customer


def put_right(journal: Journal, customer: Customer) -> None:
    """Has the row written again; where that fails, it is mended again when next needed."""
    writing = journal.mend(customer.customer_id, encode_customer(customer))
    writing.add_done_callback(lambda written: written.cancelled() or written.exception())


def _untaught(_: object) -> None:
    """What the log teaches was taught before."""


def _damaged(path: Path, customer_id: CustomerId, error: Exception) -> DamagedData:
    return DamagedData(f"{path}: the row of customer {customer_id!r} is damaged ({error})")
