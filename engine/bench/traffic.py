"""The traffic: who comes, what their page asks for, and what they do with the answer."""

import random
from typing import Final

from engine.bench.plan import Plan
from engine.wire.decision_pb2 import DecideRequest, DecideResponse, Offer
from engine.wire.event_pb2 import Event, RecordEventsRequest, Response

CLICKS: Final = 0.1
"""The share of responses that say the offer was clicked as well as seen."""


class Traffic:
    """Questions and responses of one client process; the same again for the same seed."""

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        self._plan = plan
        self._chance = chance
        self._weights = [page.weight for page in plan.pages]

    def question(self) -> DecideRequest:
        """The next visitor's question: any customer alike, a page by its weight."""
        [page] = self._chance.choices(self._plan.pages, self._weights)
        request = DecideRequest()
        request.CopyFrom(self._plan.template)
        request.customer_id = self._customer()
        request.channel = page.channel
        request.placements.extend(page.placements)
        return request

    def _customer(self) -> str:
        customers = self._plan.customers
        if isinstance(customers, int):
            return f"bench-{self._chance.randrange(customers)}"
        return self._chance.choice(customers)

    def response(self, customer: str, answer: DecideResponse) -> RecordEventsRequest | None:
        """What the customer did, for the share of answers that get a response; else None.

        The first offer was seen, and one time in ten clicked. None also where there is nothing to
        respond to (a dry run, a fallback).
        """
        if not self._plan.responses or self._chance.random() >= self._plan.responses:
            return None
        offers = [placed.offers[0] for placed in answer.placements if not placed.fallback]
        if not (answer.token and offers):
            return None
        outcomes = ["impression"]
        if self._chance.random() < CLICKS:
            outcomes.append("click")
        return RecordEventsRequest(
            events=[_event(customer, answer, offers[0], outcome) for outcome in outcomes]
        )


def _event(customer: str, answer: DecideResponse, offer: Offer, outcome: str) -> Event:
    return Event(
        event_id=f"bench:{answer.decision_id}:{outcome}",
        customer_id=customer,
        response=Response(action_id=offer.action_id, token=answer.token, outcome=outcome),
    )


def fits(request: DecideRequest, answer: DecideResponse) -> bool:
    """Whether an answer holds what was asked for: an offer for each placement, in the order asked."""
    placed = answer.placements
    return [p.placement for p in placed] == list(request.placements) and all(
        p.offers for p in placed
    )
