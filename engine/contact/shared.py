"""Offers just returned by any of several servers: known from a list they share, until the history has them."""

from collections.abc import Iterable
from typing import Final

from engine.contact.pending import Pending, Returned, settled, without
from engine.model import ActionId, Customer, DecisionId, Micros

MANY: Final = 200
"""Decisions of one customer that are told; of more it cannot be told what was offered."""


class SharedPending(Pending):
    """What counts as shown, on one of several servers.

    Another server may be told what became of an offer, and it may take a moment until that is in the
    customer's history. So an offer counts until `seen` finds it there, whoever reported it.
    """

    def reported(self, decision_id: DecisionId, action_id: ActionId) -> None:
        """Nothing yet: the history does not have it before a worker has applied it."""

    def seen(self, customer: Customer, returned: Iterable[Returned], now: Micros) -> None:
        """Takes up what any server has offered to a customer or household, by their record as it is now."""
        told = 0
        for each in returned:
            told += 1
            if each.decided_at + self.assume_shown > now:
                self.note(each)
        if told >= MANY:
            self.doubt_of(customer.customer_id, now + self.assume_shown)
        offers = self._of.get(customer.customer_id)
        if not offers:
            return
        left = without(offers, settled(offers, customer.touches))
        if not left:
            del self._of[customer.customer_id]
        elif left != offers:
            self._of[customer.customer_id] = left
