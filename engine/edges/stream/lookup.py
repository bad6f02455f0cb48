"""Lookup: all that Redis has of a customer for a decision, asked for together, and read when it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.contact.shared import SharedPending
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.customers import RedisCustomers
from engine.edges.redis.keys import customer_key, scores_key
from engine.edges.redis.offers import RecentOffers, read_list
from engine.edges.redis.scores import LastScores
from engine.edges.state.port import Found
from engine.errors import StorageError
from engine.model import CustomerId, Micros


@dataclass(frozen=True, slots=True)
class Stores:
    """Where what is found goes.

    Attributes:
        customers: the customer themselves.
        offers: the lists of what was just offered.
        pending: what counts as offered, by these lists and the customer's history.
        scores: what the model last said.
        clock: the time of day.
    """

    connection: Connection
    customers: RedisCustomers
    offers: RecentOffers
    pending: SharedPending
    scores: LastScores
    clock: Callable[[], Micros]


class Lookup:
    """One customer being looked up; begun by `begin`, which has `told` what was found, once.

    The list of offers is asked for before the record: an offer that is no longer in the one is in the
    history of the other.
    """

    __slots__ = ("_asked", "_customer_id", "_offers", "_stores", "_told")

    def __init__(
        self, stores: Stores, customer_id: CustomerId, told: Callable[[Found], None]
    ) -> None:
        self._stores = stores
        self._customer_id = customer_id
        self._told = told
        self._asked = stores.clock()
        self._offers: Any = None

    def begin(self) -> None:
        """Sends the questions; does not wait."""
        stores, customer_id = self._stores, self._customer_id
        if stores.pending.assume_shown:
            stores.offers.ask(customer_id, self._offered)
        keys = ("MGET", customer_key(customer_id), scores_key(customer_id))
        stores.connection.send(keys, self._read)

    def _offered(self, reply: Any) -> None:
        self._offers = reply

    def _read(self, reply: Any) -> None:
        stores, customer_id = self._stores, self._customer_id
        found: Found
        try:
            record, said = checked(reply)
            found = stores.customers.take(customer_id, record, self._asked)
            if self._offers is not None:
                stores.pending.seen(found, read_list(self._offers), stores.clock())
            stores.scores.take(customer_id, said)
        except StorageError as error:
            found = error
        self._told(found)
