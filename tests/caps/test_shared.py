"""One server's ledger of accounts it shares: what it asks for, what it gives out, and for how long."""

import pytest

from engine.caps.accounts import Account, Need
from engine.caps.order import Order, Standing
from engine.caps.periods import ALWAYS, Span
from engine.caps.shared import LENT, RENEWED, SOON, SharedLedger
from engine.caps.vault import AccountKey, Charge, Share
from engine.model import DAY, SECOND, ActionId, DecisionId

KEY = AccountKey("bundle/offers/total", 0)
HOLD = 60 * SECOND
NOW = 1_000 * SECOND


class Server:
    """A ledger, and what it asked to be woken for."""

    def __init__(self, limit: int = 100, block: int = 10, span: Span = ALWAYS) -> None:
        self.woken: list[bool] = []
        self.ledger = SharedLedger(self.woken.append)
        self.account: Account = self.ledger.account(KEY.cap, span)
        self.limit, self.block = limit, block
        self.offers = 0

    def need(self, allowed: int | None = None) -> None:
        allowed = self.limit if allowed is None else allowed
        self.ledger.draw_ahead(self.account, Need(self.limit, allowed, self.block, 1, HOLD))

    def offer(self) -> Share:
        self.offers += 1
        charges = (Charge(self.account.key, 1),)
        made = Share(DecisionId(f"d{self.offers}"), ActionId("bundle"), charges, NOW + HOLD)
        self.ledger.reserve(made)
        return made

    def ordered(self, now: int = NOW) -> Order:
        (order,) = self.ledger.orders_due(now)
        return order

    def told(self, order: Order, now: int = NOW, **standing: int) -> None:
        figures = {
            "shown": 0, "held": 0, "lent": 0, "at_hand": 0, "wanted": 0, "elsewhere": 0,
            "late": 0, "expired": 0,
        } | standing  # fmt: skip
        self.ledger.told(order, Standing(**figures), now + LENT)  # type: ignore[arg-type]  # wanted: 0 or 1

    @property
    def room(self) -> int:
        return self.ledger.room(self.account, self.limit)


@pytest.fixture
def server() -> Server:
    made = Server()
    made.need()
    return made


def lent(server: Server, at_hand: int = 20, **standing: int) -> None:
    server.told(server.ordered(), at_hand=at_hand, **standing)


def test_nothing_is_given_out_before_it_is_lent(server: Server) -> None:
    assert server.woken == [True]
    assert server.room == 0
    lent(server)
    assert server.room == 20


def test_what_others_have_is_known_as_it_was_when_last_heard_of(server: Server) -> None:
    lent(server, shown=30, held=5, lent=12)
    account = server.account
    assert (account.confirmed, account.reserved, account.missing) == (30, 5, 12)
    assert (account.used, server.room) == (47, 20)


def test_a_lower_limit_holds_at_once(server: Server) -> None:
    lent(server, shown=30, lent=12)
    assert server.ledger.room(server.account, 45) == 3
    assert server.ledger.room(server.account, 40) < 0


def test_offers_are_told_with_the_next_order_and_asked_for_again_once_half_is_gone(
    server: Server,
) -> None:
    lent(server)
    server.woken.clear()
    for _ in range(10):
        server.offer()
        server.need()
    assert server.woken == [False] * 10
    server.offer()
    server.need()
    assert server.woken[-1] is True
    (order,) = server.ledger.orders(NOW)
    assert [part.decision_id for part in order.parts] == [f"d{n}" for n in range(1, 12)]
    assert (order.wanted, order.ceiling, order.heard, order.number) == (20, 100, 1, 2)


def test_offers_made_while_an_order_is_under_way_stay_reserved(server: Server) -> None:
    lent(server)
    server.offer()
    (order,) = server.ledger.orders(NOW)
    server.offer()
    assert server.ledger.orders(NOW) == []
    server.told(order, held=1, at_hand=20)
    assert (server.account.reserved, server.room) == (2, 19)
    (next_order,) = server.ledger.orders(NOW)
    assert [part.decision_id for part in next_order.parts] == ["d2"]


def test_what_was_not_heard_of_is_told_again(server: Server) -> None:
    lent(server)
    server.offer()
    (order,) = server.ledger.orders(NOW)
    server.ledger.unheard(order)
    server.offer()
    again = server.ordered()
    assert [part.decision_id for part in again.parts] == ["d1", "d2"]
    assert (again.number, again.heard) == (3, 1)


def test_what_is_lent_is_so_for_a_time_only(server: Server) -> None:
    lent(server)
    seen = server.ledger.changes
    server.ledger.expire(NOW + LENT - 1)
    assert server.room == 20
    server.ledger.expire(NOW + LENT)
    assert server.room == 0
    assert server.ledger.changed_since(seen) == [KEY.cap]


def test_while_nobody_can_be_asked_nothing_is_given_out(server: Server) -> None:
    lent(server)
    server.ledger.away()
    assert server.room == 0
    assert server.ledger.waiting.startswith("Redis cannot be reached")
    server.ledger.back()
    assert server.woken[-1] is True
    server.told(server.ordered(), at_hand=20)
    assert server.room == 20
    assert "Redis" not in server.ledger.waiting


def test_an_idle_server_gives_half_back_where_another_has_too_little(server: Server) -> None:
    lent(server, wanted=1)
    order = server.ordered(NOW + SOON)
    assert (order.wanted, server.room) == (10, 10)
    server.told(order, NOW + SOON, at_hand=10)
    assert server.ledger.orders_due(NOW + SOON + RENEWED - 1) == []
    assert server.ordered(NOW + SOON + RENEWED).wanted == 20


def test_a_busy_server_keeps_what_it_has_where_another_has_too_little(server: Server) -> None:
    lent(server, wanted=1)
    server.offer()
    (order,) = server.ledger.orders(NOW)
    assert (order.wanted, server.room) == (19, 19)


def test_who_was_refused_asks_again_a_second_later_and_not_before(server: Server) -> None:
    lent(server, at_hand=0)
    server.woken.clear()
    server.need()
    assert server.woken == []
    assert server.ledger.orders_due(NOW + SOON - 1) == []
    assert server.ordered(NOW + SOON).wanted == 20


def test_even_pacing_is_the_ceiling_of_all_servers_together(server: Server) -> None:
    server.need(allowed=7)
    assert server.ordered().ceiling == 7


def test_a_scarce_cap_counts_for_as_much_as_comes_here(server: Server) -> None:
    price = server.ledger.price(KEY.cap)
    price.wanted = 30
    order = server.ordered()
    assert order.demand == 30
    server.told(order, at_hand=1, elsewhere=90)
    assert server.account.part == 0.25


def test_everything_is_given_back_at_the_end(server: Server) -> None:
    lent(server)
    server.offer()
    (order,) = server.ledger.orders_to_give_back(NOW)
    assert (len(order.parts), order.wanted, server.room) == (1, 0, 0)


def test_of_a_period_that_is_over_nothing_is_kept_at_hand_and_in_the_end_nothing_at_all() -> None:
    server = Server(span=Span(0, NOW))
    server.need()
    server.told(server.ordered(NOW - 1), NOW - 1, at_hand=20)
    order = server.ordered(NOW + RENEWED)
    assert (order.wanted, server.room) == (0, 0)
    server.told(order, NOW + RENEWED)
    assert server.ledger.orders_due(NOW + 2 * RENEWED) == []
    server.ledger.tend(NOW + DAY)
    assert server.ledger.accounts == []


def test_each_cap_opens_at_its_own_moment_and_the_others_at_the_last(server: Server) -> None:
    server.ledger.close_until(NOW, {KEY.cap: NOW - 5})
    assert server.ledger.opens(KEY.cap) == NOW - 5
    assert server.ledger.opens("other/offers/total") == NOW
    assert server.ledger.holds == {KEY.cap: HOLD}


def test_what_workers_count_is_told_as_it_comes(server: Server) -> None:
    lent(server, late=4, expired=9)
    server.offer()
    (order,) = server.ledger.orders(NOW)
    server.told(order, at_hand=20, late=5, expired=12)
    assert (server.ledger.late, server.ledger.expired) == (5, 12)
    # one of them was not late: the server it came from has told since
    server.told(server.ordered(NOW + RENEWED), at_hand=20, late=4, expired=12)
    assert (server.ledger.late, server.ledger.expired) == (5, 12)
