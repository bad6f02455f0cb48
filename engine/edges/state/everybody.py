"""All customers of a data directory, read from beside the service that may be writing it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from engine.codec import Line, decode_customer, owner
from engine.contact.household import is_household
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.entries import read_checkpoint_seq, read_entries
from engine.edges.state.names import JOURNAL
from engine.errors import InvalidInput, Violation
from engine.model import Customer, CustomerId, ProfileUpdate
from engine.topology import apply

log = logging.getLogger(__name__)


def customer_ids(data: Path) -> frozenset[CustomerId]:
    """The customers of whom anything was ever told.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    with storage_errors(data / JOURNAL), closing(_reader(data)) as reader:
        found = {
            CustomerId(name) for (name,) in reader.execute("SELECT customer_id FROM customers")
        }
        found.update(name for line in _later(reader) if (name := owner(line)) is not None)
    return frozenset(name for name in found if not is_household(name))


def profiles(data: Path) -> Iterator[Customer]:
    """Each customer once, with the profile of now; their interaction history may be a little behind.

    One after the other is read, so that there may be more of them than memory holds. A damaged row
    is passed over.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    with storage_errors(data / JOURNAL), closing(_reader(data)) as reader:
        reader.execute("BEGIN")
        updates: dict[CustomerId, list[ProfileUpdate]] = {}
        for line in _later(reader):
            if isinstance(line, ProfileUpdate):
                updates.setdefault(line.customer_id, []).append(line)
        rows = reader.execute("SELECT customer_id, CAST(body AS BLOB) FROM customers")
        for name, body in rows:
            customer = _decoded(name, body)
            if customer is not None and not is_household(name):
                yield _updated(customer, updates.pop(name, []))
        for name, mine in updates.items():
            yield _updated(Customer(name), mine)


def _reader(data: Path) -> sqlite3.Connection:
    path = data / JOURNAL
    if not path.is_file():
        raise InvalidInput([Violation(str(data), f"holds no {JOURNAL}")])
    return open_reader(path)


def _later(reader: sqlite3.Connection) -> Iterator[Line]:
    """What came after the last checkpoint."""
    for _, line in read_entries(reader, read_checkpoint_seq(reader), -1):
        yield line


def _decoded(name: CustomerId, body: bytes) -> Customer | None:
    try:
        customer = decode_customer(body)
    except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
        log.error("the damaged row of customer %r is passed over: %s", name, error)  # noqa: TRY400
        return None
    if customer.customer_id != name:
        log.error("the damaged row of customer %r is passed over", name)
        return None
    return customer


def _updated(customer: Customer, updates: list[ProfileUpdate]) -> Customer:
    for update in updates:
        apply(customer, update)
    return customer
