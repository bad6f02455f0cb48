"""Know the customer within what time there is, from a store that may be slow, away or damaged."""

from collections.abc import Callable
from typing import Final

import structlog

from engine.edges.state.port import CustomerStore, Found
from engine.errors import DamagedData
from engine.model import Customer, CustomerId, Degradation, Step
from engine.running.breaker import Breaker

log = structlog.get_logger(__name__)

FAIR_READ: Final = 0.02
"""Seconds in which the store should have read a profile; who gives it less cannot say that it failed."""

NOT_DEGRADED: Final[tuple[Degradation, ...]] = ()

Heard = Callable[[Customer, tuple[Degradation, ...]], None]
"""Is told who a customer is, and why they may be known less well than the store knows them."""


class Knowing:
    """Reads customers from `store`; one that fails three times running is left alone for a while."""

    __slots__ = ("breaker", "store")

    def __init__(self, store: CustomerStore, breaker: Breaker) -> None:
        self.store = store
        self.breaker = breaker

    def reading(self, customer_id: CustomerId, given: float, heard: Heard) -> "Reading":
        """A customer who is not at hand, to be read; `given` seconds are what there is for it.

        Whoever has it begun calls `Reading.expire` when they are over. `heard` is told once.
        """
        return Reading(self, customer_id, given >= FAIR_READ, heard)


class Reading:
    """One customer being read."""

    __slots__ = ("_customer_id", "_fair", "_heard", "_knowing")

    def __init__(self, knowing: Knowing, customer_id: CustomerId, fair: bool, heard: Heard) -> None:
        self._knowing = knowing
        self._customer_id = customer_id
        self._fair = fair
        self._heard: Heard | None = heard

    def begin(self) -> None:
        """Asks the store, unless it is left alone; then `heard` is told at once."""
        if self._knowing.breaker.closed():
            self._knowing.store.ask(self._customer_id, self.found)
        elif self._heard is not None:
            heard, self._heard = self._heard, None
            heard(*self._as_seen("the customer store is failing and being left alone"))

    def found(self, found: Found) -> None:
        """The store has answered."""
        heard, self._heard = self._heard, None
        if heard is None:
            self._found_after_all(found)
        elif isinstance(found, Customer):
            self._knowing.breaker.worked()
            heard(found, NOT_DEGRADED)
        elif isinstance(found, DamagedData):
            heard(*_nobody(self._customer_id, "the stored profile is damaged"))
        else:
            self._knowing.breaker.failed()
            log.warning("profile.unreadable", customer_id=self._customer_id, error=str(found))
            heard(*self._as_seen("the profile could not be read"))

    def _found_after_all(self, found: Found) -> None:
        """Nobody waits any more; where there was too little time it counts how the reading ended."""
        if self._fair:
            return
        if isinstance(found, Customer):
            self._knowing.breaker.worked()
        else:
            self._knowing.breaker.failed()

    def expire(self) -> None:
        """There is no more time. Had there been enough, the store has failed; else it counts how it ends."""
        heard, self._heard = self._heard, None
        if heard is None:
            return
        if self._fair:
            self._knowing.breaker.failed()
        heard(*self._as_seen("deadline: the profile could not be read in time"))

    def _as_seen(self, why: str) -> tuple[Customer, tuple[Degradation, ...]]:
        """The customer as last seen, else nobody in particular, and the reason."""
        customer = self._knowing.store.last_known(self._customer_id)
        if customer is None:
            return _nobody(self._customer_id, why)
        return customer, (Degradation(Step.PROFILE, f"{why}: decided by the last known one"),)


def _nobody(customer_id: CustomerId, why: str) -> tuple[Customer, tuple[Degradation, ...]]:
    """Somebody of whom nothing is known, and the reason."""
    return Customer(customer_id), (Degradation(Step.PROFILE, why),)
