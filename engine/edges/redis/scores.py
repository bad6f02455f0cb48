"""What the model last said of a customer, beside their record: written by workers, read by servers."""

from collections import OrderedDict
from typing import Any, Final

from engine.edges.redis.aside import Aside
from engine.edges.redis.keys import scores_key
from engine.errors import DamagedData
from engine.model import CustomerId
from engine.triggers.scored import Scored

KEPT: Final = 30 * 24 * 3_600 * 1_000
"""Milliseconds until it is forgotten, if they do nothing more."""

ROOM: Final = 50_000
"""Customers whose note a server keeps at hand."""


class LastScores:
    """One note for each customer who did something lately."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._said: OrderedDict[CustomerId, bytes] = OrderedDict()

    def note(self, customer_id: CustomerId, scored: Scored) -> None:
        """Has all servers know; returns at once."""
        self._aside.write("SET", scores_key(customer_id), scored.encode(), "PX", KEPT)

    def take(self, customer_id: CustomerId, told: Any) -> None:
        """Keeps what lay at `scores_key`, until it is wanted; what cannot be read says nothing."""
        if not isinstance(told, bytes):
            return
        if len(self._said) >= ROOM:
            self._said.popitem(last=False)
        self._said[customer_id] = told

    def of(self, customer_id: CustomerId) -> Scored | None:
        """What was said of a customer when it was last asked for; None if nothing, or it makes no sense."""
        told = self._said.get(customer_id)
        try:
            return None if told is None else Scored.decode(told)
        except DamagedData:
            return None
