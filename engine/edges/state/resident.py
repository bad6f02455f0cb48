"""Resident: the customers in memory. Those asked for lately are at hand; the others rest as bytes.

A customer at hand is made of some hundred objects, and takes four to ten times what the same customer
takes as the bytes a checkpoint holds. To take one up from rest costs a few microseconds and no disk.
"""

from collections import OrderedDict
from typing import Final

from engine.codec import decode_customer, encode_customer
from engine.model import Customer, CustomerId
from engine.running.slices import Later, at_once

_EACH: Final = 4
"""Customers looked at for each that comes to hand, so that nothing takes long."""


class Resident:
    """Up to `room` customers, of whom the `at_hand` asked for last are objects and the others bytes.

    There is at most one object for each customer. Whoever changes one holds it first (`hold`): who is
    held is never dropped, and, once at hand, stays there; only by them are the bounds exceeded for long.
    Who is taken up is there at once; another is laid to rest for them `later`, when whoever asks has
    been answered.
    """

    def __init__(self, room: int, at_hand: int, later: Later = at_once) -> None:
        self._room = room
        self._later = later
        self._taken_up_lately = 0
        self._most_at_hand = min(at_hand, room)
        self._at_hand: OrderedDict[CustomerId, Customer] = OrderedDict()
        self._at_rest: OrderedDict[CustomerId, bytes] = OrderedDict()
        self._unchanged: dict[CustomerId, bytes] = {}
        self._holds: dict[CustomerId, int] = {}

    def __len__(self) -> int:
        return len(self._at_hand) + len(self._at_rest)

    def __contains__(self, customer_id: CustomerId) -> bool:
        return customer_id in self._at_hand or customer_id in self._at_rest

    def known(self, customer_id: CustomerId) -> Customer | None:
        """The customer, if in memory, who is then the one asked for last."""
        customer = self._at_hand.get(customer_id)
        if customer is not None:
            self._at_hand.move_to_end(customer_id)
            return customer
        body = self._at_rest.pop(customer_id, None)
        return None if body is None else self._taken_up(customer_id, body)

    def take(self, customer: Customer) -> None:
        """Brings in a customer who is not in memory, or a newer object in place of theirs."""
        customer_id = customer.customer_id
        self._at_rest.pop(customer_id, None)
        self._unchanged.pop(customer_id, None)
        self._at_hand[customer_id] = customer
        self.rest_some(_EACH)

    def hold(self, customer_id: CustomerId) -> None:
        """Keeps a customer in memory, once there, until `let_go` has been called as often."""
        self._holds[customer_id] = self._holds.get(customer_id, 0) + 1
        self._unchanged.pop(customer_id, None)

    def let_go(self, customer_id: CustomerId) -> None:
        """Takes back one `hold`."""
        left = self._holds[customer_id] - 1
        if left:
            self._holds[customer_id] = left
        else:
            del self._holds[customer_id]

    def rest_some(self, at_most: int) -> bool:
        """Goes back towards the bounds, looking at so many customers; whether there is nothing left to do.

        The least recently asked for are laid to rest, and those longest at rest dropped. Who is held
        is passed over.
        """
        rested = self._lay_to_rest(at_most)
        return self._drop(at_most) and rested

    def _taken_up(self, customer_id: CustomerId, body: bytes) -> Customer:
        customer = self._at_hand[customer_id] = decode_customer(body)
        if customer_id not in self._holds:
            self._unchanged[customer_id] = body
        self._taken_up_lately += 1
        if self._taken_up_lately == 1:
            self._later(self._rest_as_many)
        return customer

    def _rest_as_many(self) -> None:
        lately, self._taken_up_lately = self._taken_up_lately, 0
        self.rest_some(_EACH * lately)

    def _lay_to_rest(self, at_most: int) -> bool:
        at_hand = self._at_hand
        while len(at_hand) > self._most_at_hand:
            if not at_most:
                return False
            at_most -= 1
            oldest, customer = at_hand.popitem(last=False)
            if oldest in self._holds:
                at_hand[oldest] = customer
            else:
                body = self._unchanged.pop(oldest, None)
                self._at_rest[oldest] = encode_customer(customer) if body is None else body
        return True

    def _drop(self, at_most: int) -> bool:
        at_rest = self._at_rest
        while at_rest and len(self) > self._room:
            if not at_most:
                return False
            at_most -= 1
            oldest, body = at_rest.popitem(last=False)
            if oldest in self._holds:
                at_rest[oldest] = body
        return True
