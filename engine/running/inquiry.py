"""Inquiry: a question that has to wait for something, until it is decided in the turn in which that is there."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from engine.challenger.contender import Side
from engine.circumstances import Foresight
from engine.edges.grpc.waits import awaited
from engine.elsewhere import Claimed, Elsewhere
from engine.model import (
    UNKNOWN,
    Customer,
    CustomerId,
    Degradation,
    Question,
    Unknown,
)
from engine.native import native
from engine.running.deadlines import Deadlines
from engine.running.knowing import NOT_DEGRADED, Knowing, Reading
from engine.running.outlook import Outlook
from engine.running.repeats import Answer, fingerprint

REPLY: Final = 0.002
"""Seconds kept for the decision itself while something is waited for."""

Outcome: TypeAlias = Answer | bytes | BaseException
"""What came of a question: the answer, the reply that another server gave to it, or why there is none."""


@native.quick
class Known(NamedTuple):
    """Who asks, with the record of their household: None if there is none, `UNKNOWN` if it cannot be told."""

    customer: Customer
    household: Customer | Unknown | None
    degraded: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What inquiries are made with; of one engine.

    Attributes:
        clock: monotonic seconds, those of the deadlines that questions have.
        knowing: who asks.
        deadlines: when they must be answered at the latest.
        elsewhere: what other servers answered, if there are any.
        household: whose record to read for a customer's household.
        decide: makes the decision, by a deadline.
        foresee: works out what may be known of it before the customer is; None if there is no time.
        outlook: whether that pays.
        under_way: the inquiries by request id, while they last.
    """

    clock: Callable[[], float]
    knowing: Knowing
    deadlines: Deadlines
    elsewhere: Elsewhere | None
    household: Callable[[Customer], CustomerId | Unknown | None]
    decide: Callable[[Known, Question, float, Side, Foresight | None], Answer]
    foresee: Callable[[Customer, Question, float, Side], Foresight | None]
    outlook: Outlook
    under_way: "dict[str, Inquiry]"


class Inquiry:
    """Waits for the customer, their household, and for other servers to say that they have not answered.

    It is begun once, and then `told` is called once with what came of it, unless `leave` was called before:
    at once, or within the turn of the loop in which the last thing waited for arrives. There is no task
    and no future in between. What is not there by the deadline is done without.
    """

    __slots__ = (
        "_at_hand", "_claimed", "_claiming", "_customer", "_deadline", "_degraded", "_expired", "_foresight", "_household",
        "_means", "_question", "_reading", "_seen", "_side", "_told", "_waiting_for_end",
    )  # fmt: skip

    def __init__(
        self,
        means: Means,
        question: Question,
        deadline: float,
        side: Side,
        at_hand: Customer | None = None,
    ) -> None:
        self._means = means
        self._question = question
        self._deadline = deadline
        self._side = side
        self._at_hand = at_hand
        self._told: Callable[[Outcome], None] | None = None
        self._customer: Customer | None = None
        self._degraded = NOT_DEGRADED
        self._household: Customer | Unknown | None = None
        self._reading: Reading | None = None
        self._seen: Customer | None = None
        self._foresight: Foresight | None = None
        self._claiming = self._claimed = self._expired = False
        self._waiting_for_end: asyncio.Future[None] | None = None

    def begin(self, told: Callable[[Outcome], None]) -> None:
        """Asks for all that is needed; does not wait."""
        self._told = told
        means, question = self._means, self._question
        left = self._left()
        if question.request_id and not question.dry_run:
            means.under_way[question.request_id] = self
            if means.elsewhere is not None:
                self._claiming = self._claimed = True
                asked = fingerprint(question)
                means.elsewhere.claim(question.request_id, asked, left, self._answered_elsewhere)
        if self._at_hand is not None:
            self._know(self._at_hand, NOT_DEGRADED)
        else:
            self._read(question.customer_id, left)
        if self._told is not None:
            means.deadlines.watch(self, left)
            if len(means.deadlines) == 1:
                self._wait_alone()

    def _wait_alone(self) -> None:
        """Nobody else's questions are to be sent along; and the time until the answer is there for use."""
        self._means.knowing.store.hurry()
        if self._reading is not None and self._means.outlook.pays:
            asyncio.get_running_loop().call_soon(self._foresee)

    def leave(self) -> None:
        """Nobody waits for what comes of it any more: nothing is decided."""
        self._end()

    def expire(self) -> None:
        """See `engine.running.deadlines.Waiting`: what is there by now has to do."""
        self._expired = True
        self._claiming = False
        if self._reading is None:
            self._decide()
        else:
            self._reading.expire()

    def ended(self) -> "asyncio.Future[None]":
        """Done once this has been answered, or left."""
        if self._waiting_for_end is None:
            self._waiting_for_end = asyncio.get_running_loop().create_future()
        return self._waiting_for_end

    # --- what arrives --------------------------------------------------------------------------

    def _read(self, customer_id: CustomerId, left: float) -> None:
        knowing = self._means.knowing
        customer = knowing.store.known(customer_id)
        if customer is not None:
            self._know(customer, NOT_DEGRADED)
            return
        reading = self._reading = knowing.reading(customer_id, left, self._know)
        if self._customer is None:
            self._seen = knowing.store.last_known(customer_id)
        reading.begin()
        if self._expired:
            reading.expire()

    def _foresee(self) -> None:
        """Uses the time until the store answers: works out what follows if the customer is as last seen."""
        if self._reading is None or self._customer is not None or self._told is None:
            return
        if self._seen is not None:
            self._foresight = self._means.foresee(
                self._seen, self._question, self._deadline, self._side
            )

    def _know(self, customer: Customer, degraded: tuple[Degradation, ...]) -> None:
        self._reading = None
        if self._customer is not None:
            self._household = UNKNOWN if degraded else customer
            known = self._means.knowing.store.known(self._customer.customer_id)
            self._customer = self._at_hand or known or self._customer
            self._decide()
            return
        self._customer, self._degraded = customer, degraded
        if self._seen is not None and not degraded:
            self._means.outlook.note(hit=customer is self._seen)
        household = self._means.household(customer)
        if household is None or isinstance(household, Unknown):
            self._household = household
            self._decide()
        elif self._told is not None:
            self._read(household, self._left())

    def _answered_elsewhere(self, claimed: Claimed) -> None:
        self._claiming = False
        if claimed is None:
            self._decide()
        else:
            self._tell(claimed)

    # --- and what becomes of it ----------------------------------------------------------------

    def _decide(self) -> None:
        """Decides, once nothing is waited for any more."""
        customer = self._customer
        if self._claiming or self._reading is not None or customer is None or self._told is None:
            return
        known = Known(customer, self._household, self._degraded)
        outcome: Outcome
        try:
            outcome = self._means.decide(
                known, self._question, self._deadline, self._side, self._foresight
            )
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- for whoever asked
            if self._claimed and self._means.elsewhere is not None:
                self._means.elsewhere.failed(self._question.request_id)
            outcome = error
        self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        told = self._told
        if told is not None:
            self._end()
            told(outcome)

    def _end(self) -> None:
        if self._told is None:
            return
        self._told = None
        means, question = self._means, self._question
        means.deadlines.forget(self)
        if question.request_id and not question.dry_run:
            del means.under_way[question.request_id]
        if self._waiting_for_end is not None and not self._waiting_for_end.done():
            self._waiting_for_end.set_result(None)

    def _left(self) -> float:
        """Seconds in which things may still arrive."""
        return self._deadline - self._means.clock() - REPLY


async def attended(inquiry: Inquiry) -> Answer | bytes:
    """What comes of an inquiry, for who waits for it by a task. Raises what it ended with."""
    outcome: Outcome = await awaited(inquiry)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
