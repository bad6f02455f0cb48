"""One consistent picture of the state at one place in the log, taken while the state moves on."""

from collections.abc import Callable, Generator

from engine.codec import encode_customer, encode_customer_in_pieces
from engine.edges.journal import entries
from engine.model import Customer, CustomerId


class Picture:
    """The changed customers and the model as of `seq`, encoded little by little.

    Whoever changes a customer calls `before_change` first; a customer that is still to be encoded, or
    encoded in part, is then encoded as they were.
    """

    def __init__(self, seq: int, model: bytes, changed: dict[CustomerId, Customer]) -> None:
        self.seq = seq
        self.model = model
        self.ids = frozenset(changed)
        self._left = changed
        self._under_way: tuple[CustomerId, Generator[None, None, bytes]] | None = None
        self._encoded: list[tuple[CustomerId, bytes]] = []

    def before_change(self, customer: Customer) -> None:
        """Secures the customer as of `seq`."""
        customer_id = customer.customer_id
        if self._left.pop(customer_id, None) is not None:
            self._encoded.append((customer_id, encode_customer(customer)))
        elif self._under_way is not None and self._under_way[0] == customer_id:
            while self._under_way is not None:
                self._step()

    def encode_some(self, enough: Callable[[], bool]) -> bool:
        """Encodes until `enough` says so, a piece of a customer at least; True once all are."""
        while self._left or self._under_way is not None:
            self._step()
            if enough():
                break
        return not self._left and self._under_way is None

    def _step(self) -> None:
        """Encodes the next piece of the customer under way, or of the next one."""
        if self._under_way is None:
            customer_id, customer = self._left.popitem()
            self._under_way = customer_id, encode_customer_in_pieces(customer)
        customer_id, pieces = self._under_way
        try:
            next(pieces)
        except StopIteration as done:
            self._encoded.append((customer_id, done.value))
            self._under_way = None

    def checkpoint(self) -> entries.Checkpoint:
        """What is to be written, in an order that is kind to the database."""
        return entries.Checkpoint(self.seq, self.model, sorted(self._encoded))
