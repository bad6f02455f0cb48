"""Know the customer, in process: those in memory, over the customers of the last checkpoint.

Whoever changes a customer holds them first (`Resident.hold`), so that no change is lost and no older
copy comes back from the disk while a newer one exists. They are let go once a checkpoint with their
changes is on disk.

A customer whose row on disk is damaged is computed again from the log. Meanwhile, and for good where
that fails too, they are set aside: asking for them fails at once, and nobody else is held up.
"""

import logging
import sqlite3
from asyncio import AbstractEventLoop, Future, shield
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from engine.edges.journal.database import Readers
from engine.edges.state.mending import mended, stored
from engine.edges.state.port import Found
from engine.edges.state.resident import Resident
from engine.errors import DamagedData, StorageError
from engine.model import Customer, CustomerId

log = logging.getLogger(__name__)

_AT_ONCE: Final = 256
_JOBS: Final = 2

_Read: TypeAlias = Customer | DamagedData


class Customers:
    """The `resident` customers, and all others from the disk.

    `applied` is the place in the log up to which all is applied, `put_right` writes the row of a
    customer computed again.
    """

    def __init__(
        self,
        path: Path,
        loop: AbstractEventLoop,
        resident: Resident,
        applied: Callable[[], int],
        put_right: Callable[[Customer], None],
    ) -> None:
        self._path = path
        self._applied = applied
        self._put_right = put_right
        self._readers = Readers(path)
        self._menders = Readers(path, threads=1)
        self._mending: dict[CustomerId, Future[None]] = {}
        self._aside: dict[CustomerId, DamagedData] = {}
        self._loop = loop
        self._resident = resident
        self._loading: dict[CustomerId, Future[Customer]] = {}
        self._wanted: list[CustomerId] = []
        self._jobs = 0

    async def load(self, customer_id: CustomerId) -> Customer:
        """The customer, from disk if need be; a fresh one if nobody has heard of them.

        Raises:
            DamagedData: what is stored of this customer makes no sense.
            StorageError: the disk cannot be read.
        """
        customer = self._resident.known(customer_id)
        if customer is not None:
            return customer
        return await shield(self.want(customer_id))

    def ask(self, customer_id: CustomerId, told: Callable[[Found], None]) -> None:
        """See `engine.edges.state.port.CustomerStore`."""
        customer = self._resident.known(customer_id)
        if customer is not None:
            told(customer)
        else:
            self.want(customer_id).add_done_callback(partial(_pass_on, told))

    def want(self, customer_id: CustomerId) -> "Future[Customer]":
        """Begins to load a customer that is not in memory; all who want the same share one reading."""
        if customer_id in self._aside or customer_id in self._mending:
            return self._refusal(customer_id)
        loading = self._loading.get(customer_id)
        if loading is None:
            loading = self._loop.create_future()
            loading.add_done_callback(_seen)
            self._loading[customer_id] = loading
            self._wanted.append(customer_id)
            if len(self._wanted) == 1:
                self._loop.call_soon(self._read)
        return loading

    def arrival(self, customer_id: CustomerId) -> "Future[Any]":
        """Done when it may be looked again whether a customer is there, or set aside."""
        return self._mending.get(customer_id) or self.want(customer_id)

    def is_aside(self, customer_id: CustomerId) -> bool:
        """Whether the customer is lost to this process: damaged on disk, and in the log as well."""
        return customer_id in self._aside

    def warm(self, customer_ids: Iterable[CustomerId]) -> None:
        """Begins to load those that are not in memory, because they will be asked for soon."""
        for customer_id in customer_ids:
            if customer_id not in self._resident:
                self.want(customer_id)

    def take_from(self, reader: sqlite3.Connection, customer_id: CustomerId) -> None:
        """Reads a customer that is not in memory here and now: at the start, when nobody waits."""
        if customer_id in self._aside:
            return
        try:
            self._resident.take(stored(reader, customer_id, self._path))
        except DamagedData as damage:
            log.error("%s: computing them again", damage)  # noqa: TRY400 - no trace is needed
            try:
                customer = mended(reader, customer_id, self._applied(), self._path)
            except DamagedData as error:
                self._set_aside(customer_id, error)
            else:
                self._resident.take(customer)
                self._put_right(customer)

    def close(self) -> None:
        """Waits for what is being read, then closes. Blocks the calling thread meanwhile."""
        self._readers.close()
        self._menders.close()

    def _read(self) -> None:
        """Reads what is wanted together; what comes to be wanted meanwhile is read after that."""
        while self._wanted and self._jobs < _JOBS:
            wanted, self._wanted = self._wanted[:_AT_ONCE], self._wanted[_AT_ONCE:]
            try:
                reading = self._readers.ask(self._loop, partial(_read_all, wanted, self._path))
            except StorageError as error:
                self._give_up(wanted, error)
                continue
            self._jobs += 1
            reading.add_done_callback(partial(self._take, wanted))

    def _take(self, wanted: list[CustomerId], reading: "Future[list[_Read]]") -> None:
        self._jobs -= 1
        error = reading.exception()
        if error is not None:
            self._give_up(wanted, error)
        else:
            for customer_id, found in zip(wanted, reading.result(), strict=True):
                loading = self._loading.pop(customer_id)
                if isinstance(found, Customer):
                    self._resident.take(found)
                    loading.set_result(found)
                else:
                    self._mend(customer_id, found)
                    loading.set_exception(found)
        self._read()

    def _give_up(self, wanted: list[CustomerId], error: BaseException) -> None:
        for customer_id in wanted:
            self._loading.pop(customer_id).set_exception(error)

    # --- damaged ones --------------------------------------------------------------------------

    def _mend(self, customer_id: CustomerId, damage: DamagedData) -> None:
        log.error("%s: computing them again", damage)
        up_to = self._applied()
        mending: Future[None] = self._loop.create_future()
        mending.add_done_callback(_seen)
        self._mending[customer_id] = mending
        try:
            reading = self._menders.ask(
                self._loop, lambda reader: mended(reader, customer_id, up_to, self._path)
            )
        except StorageError as error:
            self._mending.pop(customer_id).set_exception(error)
        else:
            reading.add_done_callback(partial(self._mended, customer_id))

    def _mended(self, customer_id: CustomerId, reading: "Future[Customer]") -> None:
        mending = self._mending.pop(customer_id)
        error = reading.exception()
        if error is None:
            customer = reading.result()
            self._resident.take(customer)
            self._put_right(customer)
        elif isinstance(error, DamagedData):
            self._set_aside(customer_id, error)
        else:
            mending.set_exception(error)
            return
        mending.set_result(None)

    def _set_aside(self, customer_id: CustomerId, error: DamagedData) -> None:
        self._aside[customer_id] = error
        log.error("%s: set aside, decisions for them go without a profile", error)

    def _refusal(self, customer_id: CustomerId) -> "Future[Customer]":
        refused: Future[Customer] = self._loop.create_future()
        refused.add_done_callback(_seen)
        refused.set_exception(
            self._aside.get(customer_id)
            or DamagedData(f"customer {customer_id!r} is being computed again from the log")
        )
        return refused


def _read_all(
    customer_ids: list[CustomerId], path: Path, reader: sqlite3.Connection
) -> list[_Read]:
    """Reads several customers in one go; the damage of one is not that of the others."""
    found: list[_Read] = []
    for customer_id in customer_ids:
        try:
            found.append(stored(reader, customer_id, path))
        except DamagedData as damage:
            found.append(damage)
    return found


def _pass_on(told: Callable[[Found], None], loading: "Future[Customer]") -> None:
    try:
        found: Found = loading.result()
    except StorageError as error:
        found = error
    told(found)


def _seen(loading: "Future[Any]") -> None:
    """Marks a failure as noticed: not everybody who warms the cache waits for the answer."""
    if not loading.cancelled():
        loading.exception()
