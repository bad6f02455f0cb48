"""An inquiry: what it waits for arrives in any order, or not at all, and it is answered once, by its deadline."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from engine.challenger.contender import Side
from engine.circumstances import Foresight
from engine.edges.state.port import Found
from engine.elsewhere import Claimed
from engine.errors import DamagedData, RequestConflict, StorageError
from engine.model import UNKNOWN, Customer, CustomerId, Question, Unknown
from engine.running.breaker import FAILURES, Breaker
from engine.running.deadlines import Deadlines
from engine.running.inquiry import REPLY, Inquiry, Known, Means, Outcome, attended
from engine.running.knowing import FAIR_READ, Knowing
from engine.running.outlook import Outlook
from engine.running.repeats import Answer
from tests.builders import customer, question

ANNA, HOME = CustomerId("anna"), CustomerId("home")
LONG = 3_600.0
SIDE = cast("Side", object())
ANSWER = cast("Answer", object())


class Store:
    """Customers that are read when the test says so."""

    def __init__(self) -> None:
        self.seen: dict[CustomerId, Customer] = {}
        self.fresh: dict[CustomerId, Customer] = {}
        self.asked: dict[CustomerId, Callable[[Found], None]] = {}
        self.hurried = 0

    def known(self, customer_id: CustomerId) -> Customer | None:
        return self.fresh.get(customer_id)

    def last_known(self, customer_id: CustomerId) -> Customer | None:
        return self.seen.get(customer_id)

    async def load(self, customer_id: CustomerId) -> Customer:
        raise AssertionError("an inquiry waits for nobody by a task")

    def ask(self, customer_id: CustomerId, told: Callable[[Found], None]) -> None:
        self.asked[customer_id] = told

    def hurry(self) -> None:
        self.hurried += 1


class Others:
    """Other servers, who say what the test has them say."""

    def __init__(self) -> None:
        self.claims: list[Callable[[Claimed], None]] = []
        self.released: list[str] = []

    def claim(
        self, request_id: str, asked: bytes, patience: float, told: Callable[[Claimed], None]
    ) -> None:
        self.claims.append(told)

    def failed(self, request_id: str) -> None:
        self.released.append(request_id)


class Desk:
    """Where inquiries are made, and what was decided."""

    def __init__(self) -> None:
        self.store, self.others = Store(), Others()
        self.decided: list[Known] = []
        self.foresights: list[Foresight | None] = []
        self.foreseen: list[Customer] = []
        self.fault: Exception | None = None
        self.home: CustomerId | Unknown | None = None
        self.breaker = Breaker(rest=LONG, clock=lambda: 0.0)
        self.deadlines = Deadlines()
        self.under_way: dict[str, Inquiry] = {}
        self.outcomes: list[Outcome] = []

    def begin(self, asked: Question | None = None, left: float = LONG) -> Inquiry:
        made = self.inquiry(asked, left)
        made.begin(self.outcomes.append)
        return made

    def inquiry(self, asked: Question | None = None, left: float = LONG) -> Inquiry:
        means = Means(
            lambda: 0.0,
            Knowing(self.store, self.breaker),
            self.deadlines,
            cast("Any", self.others),
            lambda _: self.home,
            self._decide,
            self._foresee,
            Outlook(),
            self.under_way,
        )
        return Inquiry(means, asked or question(), left + REPLY, SIDE)

    def _decide(
        self, known: Known, _: Question, __: float, ___: Side, foresight: Foresight | None
    ) -> Answer:
        if self.fault is not None:
            raise self.fault
        self.decided.append(known)
        self.foresights.append(foresight)
        return ANSWER

    def _foresee(self, seen: Customer, _: Question, __: float, ___: Side) -> Foresight | None:
        self.foreseen.append(seen)
        return cast("Foresight", seen)

    def reasons(self) -> list[str]:
        return [reason for known in self.decided for _, reason in known.degraded]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.deadlines.close()


async def turns(number: int = 3) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_it_is_decided_in_the_turn_in_which_the_customer_comes(desk: Desk) -> None:
    desk.begin()
    assert desk.outcomes == []
    anna = customer()
    desk.store.asked[ANNA](anna)
    assert desk.decided == [Known(anna, None)]
    assert desk.outcomes == [ANSWER]
    assert len(desk.deadlines) == 0


async def test_who_is_at_hand_is_not_asked_for(desk: Desk) -> None:
    desk.store.fresh[ANNA] = customer()
    desk.begin()
    assert (desk.outcomes, desk.store.asked) == ([ANSWER], {})


async def test_at_the_deadline_the_last_known_profile_decides_and_what_comes_late_changes_nothing(
    desk: Desk,
) -> None:
    seen = desk.store.seen[ANNA] = customer()
    desk.begin(left=0.0)
    await turns()
    assert desk.outcomes == [ANSWER]
    assert desk.decided[0].customer is seen
    assert "in time: decided by the last known one" in desk.reasons()[0]
    desk.store.asked[ANNA](customer())
    assert desk.outcomes == [ANSWER]


async def test_without_a_last_known_profile_nobody_in_particular_is_decided_for(desk: Desk) -> None:
    desk.begin(left=0.0)
    await turns()
    assert desk.decided[0].customer == Customer(ANNA)
    assert desk.reasons() == ["deadline: the profile could not be read in time"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DamagedData("torn"), "the stored profile is damaged"),
        (StorageError("away"), "the profile could not be read"),
    ],
)
async def test_a_customer_who_cannot_be_had_is_done_without(
    desk: Desk, error: StorageError, reason: str
) -> None:
    desk.begin()
    desk.store.asked[ANNA](error)
    assert desk.reasons() == [reason]


async def test_a_store_that_fails_three_times_is_left_alone(desk: Desk) -> None:
    for _ in range(FAILURES):
        desk.begin()
        desk.store.asked.pop(ANNA)(StorageError("away"))
    desk.begin()
    assert desk.store.asked == {}
    assert desk.reasons()[-1] == "the customer store is failing and being left alone"


@pytest.mark.parametrize(
    ("left", "then", "closed"),
    [
        (FAIR_READ / 2, customer(), True),
        (FAIR_READ / 2, StorageError("away"), False),
        (2 * FAIR_READ, customer(), False),
    ],
)
async def test_too_little_time_is_no_fault_of_the_stores_but_how_it_ends_counts(
    desk: Desk, left: float, then: Found, closed: bool
) -> None:
    for _ in range(FAILURES):
        inquiry = desk.begin(left=left)
        inquiry.expire()
        desk.deadlines.forget(inquiry)
        desk.store.asked.pop(ANNA)(then)
    assert desk.breaker.closed() is closed


# --- households --------------------------------------------------------------------------------------


async def test_the_household_is_asked_for_once_the_customer_says_which(desk: Desk) -> None:
    desk.home = HOME
    desk.begin()
    anna, home = customer(), Customer(HOME)
    desk.store.asked[ANNA](anna)
    assert desk.outcomes == []
    desk.store.asked[HOME](home)
    assert desk.decided == [Known(anna, home)]


async def test_a_household_that_cannot_be_read_is_unknown(desk: Desk) -> None:
    desk.home = HOME
    desk.begin()
    desk.store.asked[ANNA](customer())
    desk.store.asked[HOME](StorageError("away"))
    assert [known.household for known in desk.decided] == [UNKNOWN]


async def test_there_is_no_more_time_for_the_household_of_who_came_too_late(desk: Desk) -> None:
    desk.home = HOME
    desk.begin(left=0.0)
    await turns()
    assert [known.household for known in desk.decided] == [UNKNOWN]
    assert HOME in desk.store.asked


# --- other servers -----------------------------------------------------------------------------------

ASKED = question(request_id="r1")


@pytest.mark.parametrize("customer_first", [True, False])
async def test_it_waits_until_no_other_server_has_answered(
    desk: Desk, customer_first: bool
) -> None:
    desk.begin(ASKED)
    arrivals = [lambda: desk.store.asked[ANNA](customer()), lambda: desk.others.claims[0](None)]
    first, second = arrivals if customer_first else reversed(arrivals)
    first()
    assert desk.outcomes == []
    second()
    assert desk.outcomes == [ANSWER]


@pytest.mark.parametrize("claimed", [b"the reply", RequestConflict("other")])
async def test_what_another_server_answered_is_the_answer_and_nothing_is_decided(
    desk: Desk, claimed: Claimed
) -> None:
    desk.begin(ASKED)
    desk.others.claims[0](claimed)
    desk.store.asked[ANNA](customer())
    assert (desk.outcomes, desk.decided, desk.under_way) == ([claimed], [], {})


async def test_servers_that_say_nothing_are_not_waited_for_beyond_the_deadline(desk: Desk) -> None:
    desk.begin(ASKED, left=0.0)
    desk.store.asked[ANNA](customer())
    assert desk.outcomes == []
    await turns()
    assert desk.outcomes == [ANSWER]
    assert desk.reasons() == []
    desk.others.claims[0](b"too late")
    assert desk.outcomes == [ANSWER]


async def test_a_dry_run_claims_nothing(desk: Desk) -> None:
    desk.begin(question(request_id="r1", dry_run=True))
    assert (desk.others.claims, desk.under_way) == ([], {})


async def test_what_could_not_be_decided_is_left_to_others_and_told(desk: Desk) -> None:
    desk.fault = KeyError("a fault")
    desk.begin(ASKED)
    desk.others.claims[0](None)
    desk.store.asked[ANNA](customer())
    assert desk.outcomes == [desk.fault]
    assert (desk.others.released, desk.under_way) == (["r1"], {})


# --- the end -----------------------------------------------------------------------------------------


async def test_for_who_has_left_nothing_is_decided(desk: Desk) -> None:
    inquiry = desk.begin(ASKED)
    ended = inquiry.ended()
    inquiry.leave()
    desk.others.claims[0](None)
    desk.store.asked[ANNA](customer())
    assert (desk.outcomes, desk.decided, desk.under_way) == ([], [], {})
    assert ended.done()
    assert len(desk.deadlines) == 0


async def test_who_waits_by_a_task_gets_the_answer_or_what_went_wrong(desk: Desk) -> None:
    waiting = asyncio.ensure_future(attended(desk.inquiry()))
    await turns()
    desk.store.asked[ANNA](customer())
    assert await waiting is ANSWER
    desk.fault = KeyError("a fault")
    waiting = asyncio.ensure_future(attended(desk.inquiry()))
    await turns()
    desk.store.asked[ANNA](customer())
    with pytest.raises(KeyError, match="a fault"):
        await waiting


async def test_a_task_that_is_cancelled_leaves(desk: Desk) -> None:
    waiting = asyncio.ensure_future(attended(desk.inquiry()))
    await turns()
    waiting.cancel()
    await asyncio.wait([waiting])
    desk.store.asked[ANNA](customer())
    assert (desk.decided, len(desk.deadlines)) == ([], 0)


# --- foresight ---------------------------------------------------------------------------------------


async def test_while_the_store_is_asked_it_is_worked_out_what_follows_for_who_was_seen(
    desk: Desk,
) -> None:
    seen = desk.store.seen[ANNA] = customer()
    desk.begin()
    assert desk.foreseen == []  # the question to the store goes first
    await turns()
    assert desk.foreseen == [seen]
    desk.store.asked[ANNA](seen)
    assert desk.foresights == [cast("Foresight", seen)]


async def test_nothing_is_worked_out_for_who_was_never_seen_nor_while_others_wait(
    desk: Desk,
) -> None:
    desk.begin()
    desk.store.seen[ANNA] = customer()
    desk.begin()
    await turns()
    assert desk.foreseen == []


async def test_what_is_asked_by_who_waits_alone_leaves_at_once_and_by_others_together(
    desk: Desk,
) -> None:
    desk.begin()
    assert desk.store.hurried == 1
    desk.begin()
    desk.begin()
    assert desk.store.hurried == 1


async def test_nothing_is_worked_out_once_the_store_has_answered(desk: Desk) -> None:
    desk.store.seen[ANNA] = customer()
    desk.begin()
    desk.store.asked[ANNA](customer())
    await turns()
    assert (desk.foreseen, desk.outcomes) == ([], [ANSWER])
