"""Know the customer, in process: a bounded cache over the customers of the last checkpoint.

There is at most one live object for each customer. Whoever changes one holds it first (`hold`): what
is held is never dropped, so that no change is lost and no older copy comes back from the disk while a
newer one exists. A customer is let go once a checkpoint with their changes is on disk.
"""

import sqlite3
from asyncio import AbstractEventLoop, Future, shield
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Final

from engine.codec import decode_customer
from engine.edges.journal.database import Readers
from engine.edges.journal.entries import read_customer
from engine.errors import StorageError
from engine.model import Customer, CustomerId

_AT_ONCE: Final = 256
_JOBS: Final = 2
_TRIES: Final = 16


class Customers:
    """The customers in memory, the least recently used of which are dropped beyond `room`.

    `room` is exceeded only by customers that are held.
    """

    def __init__(self, readers: Readers, loop: AbstractEventLoop, room: int) -> None:
        self._readers = readers
        self._loop = loop
        self._room = room
        self._known: OrderedDict[CustomerId, Customer] = OrderedDict()
        self._holds: dict[CustomerId, int] = {}
        self._loading: dict[CustomerId, Future[Customer]] = {}
        self._wanted: list[CustomerId] = []
        self._jobs = 0

    def __len__(self) -> int:
        return len(self._known)

    def known(self, customer_id: CustomerId) -> Customer | None:
        """The customer, if in memory; never reads the disk."""
        customer = self._known.get(customer_id)
        if customer is not None:
            self._known.move_to_end(customer_id)
        return customer

    async def load(self, customer_id: CustomerId) -> Customer:
        """The customer, from disk if need be; a fresh one if nobody has heard of them.

        Raises:
            StorageError: the disk cannot be read.
        """
        customer = self.known(customer_id)
        if customer is not None:
            return customer
        return await shield(self.want(customer_id))

    def want(self, customer_id: CustomerId) -> "Future[Customer]":
        """Begins to load a customer that is not in memory; all who want the same share one reading."""
        loading = self._loading.get(customer_id)
        if loading is None:
            loading = self._loop.create_future()
            loading.add_done_callback(_seen)
            self._loading[customer_id] = loading
            self._wanted.append(customer_id)
            if len(self._wanted) == 1:
                self._loop.call_soon(self._read)
        return loading

    def warm(self, customer_ids: Iterable[CustomerId]) -> None:
        """Begins to load those that are not in memory, because they will be asked for soon."""
        for customer_id in customer_ids:
            if customer_id not in self._known:
                self.want(customer_id)

    def add(self, customer: Customer) -> None:
        """Takes in a customer read some other way, who must not be in memory yet."""
        self._known[customer.customer_id] = customer
        self._drop()

    def hold(self, customer_id: CustomerId) -> None:
        """Keeps a customer in memory, once there, until `let_go` has been called as often."""
        self._holds[customer_id] = self._holds.get(customer_id, 0) + 1

    def let_go(self, customer_id: CustomerId) -> None:
        """Takes back one `hold`."""
        left = self._holds[customer_id] - 1
        if left:
            self._holds[customer_id] = left
        else:
            del self._holds[customer_id]

    def _read(self) -> None:
        """Reads what is wanted together; what comes to be wanted meanwhile is read after that."""
        while self._wanted and self._jobs < _JOBS:
            wanted, self._wanted = self._wanted[:_AT_ONCE], self._wanted[_AT_ONCE:]
            try:
                reading = self._readers.ask(self._loop, partial(_read_all, wanted))
            except StorageError as error:
                self._give_up(wanted, error)
                continue
            self._jobs += 1
            reading.add_done_callback(partial(self._take, wanted))

    def _take(self, wanted: list[CustomerId], reading: "Future[list[Customer]]") -> None:
        self._jobs -= 1
        error = reading.exception()
        if error is not None:
            self._give_up(wanted, error)
        else:
            for customer in reading.result():
                self._known[customer.customer_id] = customer
                self._loading.pop(customer.customer_id).set_result(customer)
            self._drop()
        self._read()

    def _give_up(self, wanted: list[CustomerId], error: BaseException) -> None:
        for customer_id in wanted:
            self._loading.pop(customer_id).set_exception(error)

    def _drop(self) -> None:
        """Drops from the least recently used on; those held are passed over, a few at a time."""
        tries = _TRIES + len(self._known) - self._room
        while len(self._known) > self._room and tries > 0:
            tries -= 1
            oldest = next(iter(self._known))
            if oldest in self._holds:
                self._known.move_to_end(oldest)
            else:
                del self._known[oldest]


def _read_all(customer_ids: list[CustomerId], reader: sqlite3.Connection) -> list[Customer]:
    """Reads several customers in one go."""
    customers = []
    for customer_id in customer_ids:
        data = read_customer(reader, customer_id)
        customers.append(Customer(customer_id) if data is None else decode_customer(data))
    return customers


def _seen(loading: "Future[Customer]") -> None:
    """Marks a failure as noticed: not everybody who warms the cache waits for the answer."""
    if not loading.cancelled():
        loading.exception()
