"""One consistent picture of the state at one place in the log, taken while the state moves on."""

from collections.abc import Callable

from engine.codec import encode_customer
from engine.edges.journal import entries
from engine.model import Customer, CustomerId


class Picture:
    """The changed customers and the model as of `seq`, encoded little by little.

    Whoever changes a customer calls `before_change` first; a customer that is still to be encoded is
    then encoded as they were.
    """

    def __init__(self, seq: int, model: bytes, changed: dict[CustomerId, Customer]) -> None:
        self.seq = seq
        self.model = model
        self.ids = frozenset(changed)
        self._left = changed
        self._encoded: list[tuple[CustomerId, bytes]] = []

    def before_change(self, customer: Customer) -> None:
        """Secures the customer as of `seq`."""
        if self._left.pop(customer.customer_id, None) is not None:
            self._encoded.append((customer.customer_id, encode_customer(customer)))

    def encode_some(self, enough: Callable[[], bool]) -> bool:
        """Encodes until `enough` says so, one customer at least; True once all are."""
        while self._left:
            customer_id, customer = self._left.popitem()
            self._encoded.append((customer_id, encode_customer(customer)))
            if enough():
                break
        return not self._left

    def checkpoint(self) -> entries.Checkpoint:
        """What is to be written, in an order that is kind to the database."""
        return entries.Checkpoint(self.seq, self.model, sorted(self._encoded))
