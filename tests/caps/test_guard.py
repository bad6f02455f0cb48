"""Caps in whole decisions, on a ledger that has everything at hand."""

import pytest

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.periods import span_of
from engine.caps.vault import Fleeting
from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    ActionId,
    DecisionId,
    Exposure,
    PlacementId,
    Response,
    Stage,
)
from engine.rulebook.cap import Period
from engine.rulebook.times import moment_of
from tests.builders import NOW, FixedModel, customer, question, trace_of
from tests.rulebook.builders import action, book

GREEDY = {"arbitration": {"exploration": {"policy": "greedy"}}}


class Desk:
    """One book with its caps, and a clock that a test moves."""

    def __init__(self, book, propensities=()):
        self.book = book
        self.now = NOW
        self.ledger = Ledger(Fleeting())
        self.guard = CapsGuard(book, self.ledger)
        self.decider = Decider(book, FixedModel(book, propensities), lambda: 0.0, [self.guard])
        self.decisions = 0

    def decide(self, *placements, commit=True, who=None, **asked):
        self.decisions += 1
        given = Circumstances(
            DecisionId(f"d{self.decisions}"),
            who or customer(),
            self.now,
            self.decisions,
            Budget(1.0, lambda: 0.0),
        )
        decision = self.decider.decide(question(*placements, **asked), given)
        if commit:
            self.decider.commit(decision)
        return decision

    def offered(self, *placements, **asked):
        decision = self.decide(*placements, **asked)
        return [o.action_id for p in decision.placements for o in p.offers if not p.fallback]

    def respond(self, decision, outcome="impression"):
        self.tell(decision, decision.placements[0].offers[0].action_id, outcome)

    def tell(self, decision, action_id, outcome):
        exposure = Exposure(
            decision.decision_id, action_id, "", "web", PlacementId("web.hero"),
            decision.decided_at, 1.0, 0.1, "", None,
        )  # fmt: skip
        self.guard.observe(Response(exposure, outcome, 0.0, None))

    def account(self, at=0):
        return self.guard.meters[at].account(self.now)

    def reasons(self, action_id, *placements):
        decision = self.decide(*placements, commit=False, explain=True)
        told = [c for c in trace_of(decision).candidates if c.action_id == action_id]
        return told[0].reasons


def one(caps, **keys):
    return Desk(book(policies=GREEDY, actions=[action("a", caps=caps, **keys)]))


def test_so_many_a_day_and_no_more():
    desk = one({"per_day": 2, "when_scarce": "first_come"})
    assert [desk.offered() for _ in range(4)] == [["a"], ["a"], [], []]
    desk.now += DAY
    assert desk.offered() == ["a"]


def test_a_share_is_given_back_when_nothing_is_heard_of_it():
    desk = one({"total": 1, "hold": "10m"})
    assert desk.offered() == ["a"]
    desk.now += 10 * MINUTE - 1
    assert desk.offered() == []
    desk.now += 1
    assert desk.offered() == ["a"]
    assert desk.ledger.expired == 1


def test_what_was_shown_is_never_given_back():
    desk = one({"total": 1, "hold": "10m"})
    decision = desk.decide()
    desk.respond(decision, "click")
    desk.respond(decision, "impression")
    desk.now += HOUR
    assert desk.offered() == []
    assert (desk.account().confirmed, desk.account().reserved) == (1, 0)


def test_what_was_not_delivered_is_given_back_at_once():
    desk = one({"total": 1})
    decision = desk.decide()
    desk.respond(decision, "not_delivered")
    assert desk.offered() == ["a"]
    desk.respond(decision, "not_delivered")
    assert desk.offered() == []


def test_a_share_once_shown_is_kept_although_it_is_said_not_to_be_delivered():
    desk = one({"total": 1})
    decision = desk.decide()
    desk.respond(decision, "impression")
    desk.respond(decision, "not_delivered")
    assert desk.offered() == []


def test_an_impression_after_the_share_was_given_back_still_counts_once():
    desk = one({"total": 2, "hold": "10m"})
    decision = desk.decide()
    desk.now += HOUR
    desk.ledger.tend(desk.now)
    desk.respond(decision, "impression")
    desk.respond(decision, "click")
    assert (desk.account().confirmed, desk.ledger.late) == (1, 1)
    assert [desk.offered() for _ in range(2)] == [["a"], []]


def test_nothing_is_used_up_by_a_dry_run():
    desk = one({"total": 1})
    for _ in range(3):
        decision = desk.decide(commit=False)
        assert decision.placements[0].offers[0].action_id == "a"
    assert desk.account().used == 0


def test_a_shared_cap_holds_within_one_answer():
    shared = {"bundles_today": {"group": "bundles", "per_day": 1}}
    desk = Desk(book(policies=GREEDY | {"caps": shared}, actions=[action("a"), action("b")]))
    assert desk.offered() == ["a"]
    assert desk.offered() == []


def test_a_cap_holds_for_its_channels_only():
    shared = {"web_today": {"channels": ["web"], "per_day": 1, "when_scarce": "first_come"}}
    desk = Desk(book(policies=GREEDY | {"caps": shared}))
    assert len(desk.offered("web.hero", max_offers=1)) == 1
    assert desk.offered("web.hero") == []
    assert desk.offered("ivr.prompt", channel="ivr") == ["data_5gb"]


def test_mandatory_actions_are_not_held_back_and_use_nothing_up():
    shared = {"all_today": {"per_day": 1, "when_scarce": "first_come"}}
    actions = [action("must", **{"class": "mandatory"}), action("a")]
    desk = Desk(book(policies=GREEDY | {"caps": shared}, actions=actions))
    assert [desk.offered() for _ in range(3)] == [["must", "a"], ["must"], ["must"]]


def test_a_budget_is_spent_by_what_each_offer_costs():
    budget = {"amount": 100, "currency": "EUR", "cost_each": "customer.age * 1.0"}
    desk = one({"budget": budget})
    assert desk.offered(who=customer(customer_age=60)) == ["a"]
    assert desk.offered(who=customer(customer_age=41)) == []
    assert desk.offered(who=customer(customer_age=40)) == ["a"]
    assert desk.account().reserved == 100 * 10_000


def test_a_cost_that_cannot_be_told_means_no_offer():
    desk = one({"budget": {"amount": 100, "currency": "EUR", "cost_each": "customer.age"}})
    nobody_knows = customer()
    del nobody_knows.attributes["customer.age"]
    assert desk.offered(who=nobody_knows) == []
    decision = desk.decide(who=nobody_knows, explain=True)
    [reason] = trace_of(decision).candidates[0].reasons
    assert (reason.code, reason.unknown) == ("budget.a", True)
    assert "customer.age" in reason.detail


def test_an_even_day_lets_as_much_through_as_the_day_is_old():
    desk = one({"per_day": 24, "pacing": "even", "when_scarce": "first_come", "hold": "2d"})
    desk.now = span_of(Period.DAY, NOW, "UTC").start
    given = []
    for _ in range(24):
        given.append(sum(bool(desk.offered()) for _ in range(10)))
        desk.now += HOUR
    assert given == [1] * 24


def test_an_even_total_lasts_as_long_as_the_action_is_valid():
    caps = {"total": 10, "pacing": "even", "when_scarce": "first_come"}
    valid = {"from": "2026-11-10", "to": "2026-11-19"}
    desk = one(caps, valid=valid)
    passed = (NOW - desk.book.actions[0].valid[0]) / (10 * DAY)
    given = sum(bool(desk.offered()) for _ in range(20))
    assert given == int(10 * passed) + 1


def test_the_reason_says_what_is_used_and_when_it_begins_anew():
    desk = one({"per_day": 2, "when_scarce": "first_come"})
    desk.respond(desk.decide())
    desk.decide()
    [reason] = desk.reasons("a")
    assert (reason.stage, reason.code) == (Stage.CAPS_AND_BUDGETS, "cap.a")
    assert reason.detail == (
        "the cap of a is used up: 2 of 2 today, 1 of it only reserved; "
        "it begins anew 2026-11-19T00:00:00Z"
    )
    assert reason.saw == {
        "shown": "1", "reserved": "1", "limit": "2", "until": "2026-11-19T00:00:00Z",
    }  # fmt: skip
    assert reason.place.startswith("actions/all.yaml:")


def test_the_reason_says_that_a_day_is_spread_evenly():
    desk = one({"per_day": 10, "pacing": "even", "when_scarce": "first_come", "hold": "1d"})
    while desk.offered():
        pass
    [reason] = desk.reasons("a")
    assert "is spread evenly, 5 by now: 5 of 10 today" in reason.detail
    due = moment_of(reason.saw["until"])
    assert due is not None
    desk.now = due - SECOND
    assert desk.offered() == []
    desk.now = due
    assert desk.offered() == ["a"]


def test_a_new_book_goes_on_with_the_same_account():
    old = one({"per_day": 3, "when_scarce": "first_come"})
    old.decide()
    old.decide()
    new = one({"per_day": 2, "when_scarce": "first_come"})
    guard = CapsGuard(new.book, old.ledger)
    new.decider = Decider(new.book, FixedModel(new.book), lambda: 0.0, [guard])
    assert new.offered() == []


def test_a_clock_set_back_over_midnight_does_not_find_the_day_empty():
    desk = one({"per_day": 1, "when_scarce": "first_come"})
    desk.now = span_of(Period.DAY, NOW, "UTC").start - 1
    assert desk.offered() == ["a"]
    desk.now += 1
    assert desk.offered() == ["a"]
    desk.ledger.tend(desk.now)
    desk.now -= 1
    assert desk.offered() == []


def test_what_was_shown_long_ago_is_not_remembered_offer_by_offer():
    desk = one({"total": 10**6, "hold": "31d"})
    for _ in range(3_000):
        desk.respond(desk.decide())
    assert len(desk.ledger._due) <= 1_002
    assert desk.account().confirmed == 3_000


def test_the_next_period_is_drawn_before_it_begins():
    desk = one({"per_day": 1})
    start, end = span_of(Period.DAY, NOW, "UTC")
    assert end is not None
    desk.guard.tend(end - MINUTE, end)
    drawn = {account.key.start: account.drawn for account in desk.ledger.accounts}
    assert drawn == {start: 1, end: 1}


def scarce(**caps):
    actions = [action("gift", value=10, caps={"per_day": 10, **caps}), action("plain", value=1)]
    return Desk(book(policies=GREEDY, actions=actions), propensities=[0.5, 0.5])


def test_a_scarce_cap_is_kept_for_those_it_is_worth_more_to():
    desk = scarce()
    price = desk.guard.meters[0].price
    price.value, price.requests, price.worth = 6.0, 100, 5.0
    assert desk.offered() == ["plain"]
    [reason] = desk.reasons("gift")
    assert reason.code == "cap.gift.bid_price"
    assert reason.detail == (
        "worth 5 here; the cap of gift is scarce and kept for customers worth more than 6"
    )


def test_what_is_offered_is_weighed_net_of_the_price():
    desk = scarce()
    desk.guard.meters[0].price.value = 4.8
    decision = desk.decide(max_offers=1)
    assert decision.placements[0].offers[0].action_id == "plain"
    assert decision.contests[0].priorities.tolist() == pytest.approx([0.2, 0.5])


def test_a_cap_that_is_not_scarce_has_no_price():
    desk = scarce(per_day=1_000)
    for _ in range(200):
        desk.now += MINUTE
        assert desk.offered()[0] == "gift"
    assert desk.guard.meters[0].price.value == 0.0


def test_where_the_model_was_not_asked_nothing_is_weighed_against_a_price():
    desk = scarce()
    desk.guard.meters[0].price.value = 100.0
    desk.decider._score_pace.took(1_000.0)  # the model has been very slow
    given = Circumstances(DecisionId("late"), customer(), NOW, 1, Budget(0.01, lambda: 0.0))
    decision = desk.decider.decide(question(), given)
    assert ActionId("gift") in [o.action_id for o in decision.placements[0].offers]


def test_what_was_scarce_for_a_while_is_no_longer_weighed():
    desk = scarce(per_day=1_000)
    for _ in range(30):
        desk.decide()
    meter = desk.guard.meters[0]
    desk.guard.tend(desk.now, desk.now)
    assert not meter.watched
    meter.price.value = 6.0
    assert desk.offered()[0] == "gift"
    assert desk.offered() == ["plain"]
    assert meter.watched
    meter.price.value = 0.0
    desk.guard.tend(desk.now, desk.now)
    assert not meter.watched
    assert desk.offered()[0] == "gift"
