"""Offers of several servers: they count once, whoever made them, until the history has them."""

from hypothesis import given
from hypothesis import strategies as st

from engine.contact.pending import Returned
from engine.contact.shared import MANY, SharedPending
from engine.model import (
    HOUR,
    MINUTE,
    ActionId,
    Customer,
    CustomerId,
    DecisionId,
    PlacementId,
    Touch,
)
from tests.builders import NOW

ADA = CustomerId("ada")
WEB = PlacementId("web.home")


def returned(number: int, at: int = NOW, household: CustomerId | None = None) -> Returned:
    return Returned(DecisionId(f"d{number}"), at, ADA, household, "web", (ActionId("a"),))


def customer(*reported: int) -> Customer:
    touches = [Touch(DecisionId(f"d{n}"), ActionId("a"), "web", WEB, NOW) for n in reported]
    return Customer(ADA, touches=touches)


def pending() -> SharedPending:
    made = SharedPending()
    made.assume_shown = HOUR
    return made


@given(
    st.lists(st.integers(0, 9)),
    st.lists(st.lists(st.integers(0, 9)), min_size=1),
    st.sets(st.integers(0, 9)),
)
def test_each_offer_counts_once_unless_the_history_has_it(
    own: list[int], told: list[list[int]], reported: set[int]
) -> None:
    shared = pending()
    for number in own:
        shared.note(returned(number))
        shared.reported(DecisionId(f"d{number}"), ActionId("a"))
    for numbers in told:
        shared.seen(customer(*reported), [returned(n) for n in numbers], NOW)
    counted = [offer.decision_id for offer in shared.of(ADA, NOW)]
    everything = {*own, *(n for numbers in told for n in numbers)}
    assert sorted(counted) == sorted(f"d{n}" for n in everything - reported)


def test_what_was_offered_long_ago_counts_no_more() -> None:
    shared = pending()
    shared.seen(customer(), [returned(1, NOW - HOUR), returned(2, NOW - HOUR + 1)], NOW)
    assert [offer.decision_id for offer in shared.of(ADA, NOW)] == ["d2"]
    assert shared.of(ADA, NOW + MINUTE) == ()


def test_a_household_counts_what_a_member_was_offered_until_its_own_history_has_it() -> None:
    home = CustomerId("home")
    shared = pending()
    shared.seen(customer(1), [returned(1, household=home)], NOW)
    assert shared.of(ADA, NOW) == ()
    assert len(shared.of(home, NOW)) == 1
    touch = Touch(DecisionId("d1"), ActionId("a"), "web", WEB, NOW)
    shared.seen(Customer(home, touches=[touch]), [], NOW)
    assert shared.of(home, NOW) == ()


def test_of_somebody_offered_more_than_is_told_it_cannot_be_told_what() -> None:
    shared = pending()
    assert shared.uncertain_until(ADA) == 0
    shared.seen(customer(), [returned(n) for n in range(MANY)], NOW)
    assert shared.uncertain_until(ADA) == NOW + HOUR
