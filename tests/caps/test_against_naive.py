"""Whole decisions against a naive reading of the caps: what is offered is exactly what may be."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.caps.periods import span_of
from engine.model import HOUR, MINUTE
from engine.rulebook.cap import Period
from tests.builders import NOW
from tests.caps.test_guard import GREEDY, Desk
from tests.rulebook.builders import action, book

SLOTS = 2
FIRST_COME = {"when_scarce": "first_come"}
ACTIONS = [
    action("a", value=4, caps={"per_day": 6, "total": 14, "hold": "1h"} | FIRST_COME),
    action("b", value=3, caps={"per_day": 9, "pacing": "even", "hold": "5h"} | FIRST_COME),
    action("c", value=1.5, group="save"),
    action(
        "d",
        value=1,
        caps={"budget": {"amount": 20, "currency": "EUR", "cost_each": 3, "per": "week"}}
        | FIRST_COME,
    ),
]
SHARED = {
    "both": {"group": "bundles", "per_day": 11, "hold": "2h"} | FIRST_COME,
    "tokyo": {"action": "c", "per_day": 5, "timezone": "Asia/Tokyo"} | FIRST_COME,
}
BOOK = book(policies=GREEDY | {"caps": SHARED}, actions=ACTIONS)
HOLDS = {"a": 2 * HOUR, "b": 5 * HOUR, "c": HOUR // 2, "d": 2 * HOUR}


@dataclass
class Given:
    """One offer, and what became of it."""

    action: str
    decision: object
    at: int
    until: int
    shown: bool = False
    back: bool = False


class Naive:
    """Reads the caps off everything that ever happened, each time anew."""

    def __init__(self) -> None:
        self.offers: list[Given] = []

    def used(self, actions: str, period: Period, now: int, zone: str = "UTC") -> int:
        start = span_of(period, now, zone).start
        return sum(
            offer.action in actions
            and span_of(period, offer.at, zone).start == start
            and (offer.shown or (not offer.back and now < offer.until))
            for offer in self.offers
        )

    def may(self, name: str, now: int) -> bool:
        day = Period.DAY
        start, end = span_of(day, now, "UTC")
        assert end is not None
        paced = 9 * (now - start) // (end - start) + 1
        asked = {
            "a": [
                self.used("a", day, now) < 6,
                self.used("a", Period.TOTAL, now) < 14,
            ],
            "b": [self.used("b", day, now) < min(9, paced)],
            "c": [self.used("c", day, now, "Asia/Tokyo") < 5],
            "d": [self.used("d", Period.WEEK, now) * 3 + 3 <= 20],
        }
        within = name == "c" or self.used("abd", day, now) < 11
        return within and all(asked[name])

    def offer(self, decision: object, now: int) -> list[str]:
        """What is to be offered: the most valuable first, as long as there are slots."""
        offered: list[str] = []
        for name in "abcd":
            if len(offered) < SLOTS and self.may(name, now):
                self.offers.append(Given(name, decision, now, now + HOLDS[name]))
                offered.append(name)
        return offered


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.integers(1, 5)),
        st.tuples(st.just("show"), st.integers(0, 30)),
        st.tuples(st.just("undelivered"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("tend"), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_offered_is_exactly_what_may_be(steps):
    desk = Desk(BOOK)
    naive = Naive()
    desk.now = NOW
    for step, amount in steps:
        match step:
            case "decide":
                for _ in range(amount):
                    decision = desk.decide()
                    offers = [o.action_id for o in decision.placements[0].offers if o.action_id]
                    assert offers == naive.offer(decision, desk.now)
            case "wait":
                desk.now += amount * 17 * MINUTE
            case "tend":
                desk.guard.tend(desk.now, desk.now + MINUTE)
            case _ if amount < len(naive.offers):
                offer = naive.offers[amount]
                outcome = "impression" if step == "show" else "not_delivered"
                if step == "undelivered" and not offer.shown and desk.now < offer.until:
                    offer.back = True
                offer.shown |= step == "show"
                desk.tell(offer.decision, offer.action, outcome)
