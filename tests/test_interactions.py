"""What is kept of interactions: a fold over the events in which neither order nor repetition counts."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import decode_customer, encode_customer
from engine.interactions import (
    LARGEST,
    LONGEST_TEXT,
    MOST,
    MOST_DETAILS,
    details,
    past,
    remember,
)
from engine.model import Customer, CustomerId, EventId, Interaction, PastInteraction, Value

FEW = 7


def holding(happened: Iterable[PastInteraction], most: int = FEW) -> Customer:
    customer = Customer(CustomerId("ada"))
    for one in happened:
        remember(customer, one, most)
    return customer


def spared(happened: Iterable[PastInteraction], most: int) -> list[PastInteraction]:
    """Those of the lowest ranks, counted from the newest of each type on; of equal ranks the newest."""
    by_type = defaultdict(list)
    for one in sorted(set_of(happened), reverse=True):
        by_type[one.type].append(one)
    ranked = [(rank, one) for ones in by_type.values() for rank, one in enumerate(ones)]
    newest_first = sorted(ranked, key=lambda pair: pair[1][:4], reverse=True)
    kept = sorted(newest_first, key=lambda pair: pair[0])[:most]
    return sorted(one for _, one in kept)


def set_of(happened: Iterable[PastInteraction]) -> list[PastInteraction]:
    return list({one[:4]: one for one in happened}.values())


pasts = st.builds(
    lambda n, time, type_: PastInteraction(time, type_, "web", EventId(f"{type_}{n}"), {"n": n}),
    st.integers(0, 9),
    st.integers(0, 5),
    st.sampled_from(["visit", "call", "complaint"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(pasts, max_size=30), st.data())
def test_what_is_kept_depends_on_what_happened_and_on_nothing_else(
    happened: list[PastInteraction], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(happened), max_size=9)) if happened else []
    shuffled = data.draw(st.permutations(happened + again))
    assert holding(shuffled).interactions == spared(happened, FEW)


@settings(deadline=None)
@given(st.lists(pasts, max_size=30))
def test_the_revision_says_whether_anything_changed(happened: list[PastInteraction]) -> None:
    customer = Customer(CustomerId("ada"))
    for one in happened:
        before, revision = list(customer.interactions), customer.revision
        remember(customer, one, FEW)
        assert (customer.interactions != before) is (customer.revision != revision)


def test_many_of_one_type_do_not_push_out_the_few_of_another() -> None:
    visits = [PastInteraction(n, "visit", "web", EventId(f"v{n}")) for n in range(1, 3 * MOST)]
    complaint = PastInteraction(0, "complaint", "web", EventId("c"))
    customer = holding([complaint, *visits], MOST)
    assert Counter(one.type for one in customer.interactions) == {"visit": MOST - 1, "complaint": 1}


def test_small_attributes_are_kept_by_name() -> None:
    given: dict[str, Value] = {"b": True, "amount": 12.5, "reason": "fault", "left": 90_000_000}
    assert details(given) == given


@pytest.mark.parametrize(
    "value",
    ["x" * (LONGEST_TEXT + 1), LARGEST + 1, float("nan"), float("inf"), ("a",), {"a": 1}, None],
)
def test_what_is_long_or_no_single_value_is_not_kept(value: Value) -> None:
    assert details({"a": value, "b": 1}) == {"b": 1}


def test_of_very_many_the_first_by_name_are_kept() -> None:
    many: dict[str, Value] = {f"a{n:02}": n for n in reversed(range(40))}
    assert list(details(many)) == [f"a{n:02}" for n in range(MOST_DETAILS)]
    assert details({"n" * 101: 1}) == {}


def test_what_is_kept_survives_writing_and_reading() -> None:
    done = Interaction("paid", "app", {"amount": 12.5, "late": True, "method": "card"})
    customer = holding([past(EventId("e1"), 5, done), PastInteraction(6, "visit", "web")])
    assert decode_customer(encode_customer(customer)) == customer


def test_a_record_from_before_attributes_were_kept_is_read() -> None:
    before = encode_customer(holding([PastInteraction(6, "visit", "web", EventId("e1"))]))
    assert b'[6,"visit","web","e1"]' in before
    assert decode_customer(before).interactions[0].details == {}
