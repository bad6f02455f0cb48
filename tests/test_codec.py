import struct
from copy import deepcopy
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import (
    DecisionRecord,
    Entry,
    EntryKind,
    SchemaNote,
    decode_customer,
    decode_decision,
    decode_entry,
    encode_customer,
    encode_customer_in_pieces,
    encode_decision,
    encode_entry,
    split_decisions,
)
from engine.errors import StorageError
from engine.grounds import Answer, Entered, Grounds, Narrowed
from engine.model import (
    UNKNOWN,
    ActionId,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    Event,
    Exposure,
    Interaction,
    Offer,
    PastInteraction,
    PlacementId,
    PlacementOffers,
    ProfileUpdate,
    Question,
    Response,
    Touch,
)
from engine.respond import MAX_TOUCHES
from tests.happenings import decision, interaction, response, update

texts = st.text(max_size=6)
micros = st.integers(-(2**63), 2**63 - 1)
floats = st.floats()
scalars = st.one_of(st.none(), st.just(UNKNOWN), st.booleans(), micros, floats, texts)
names = st.one_of(st.sampled_from(["$", "customer.age", ""]), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(names, inner, max_size=3),
    ),
    max_leaves=6,
)
named = st.dictionaries(names, values, max_size=4)
sequences = st.one_of(st.lists(values, max_size=5), st.lists(values, max_size=5).map(tuple))
interactions = st.builds(Interaction, texts, texts, named)
exposures = st.builds(
    Exposure,
    texts,
    texts,
    texts,
    texts,
    texts,
    micros,
    floats,
    floats,
    texts,
    st.none() | sequences,
)
answers = st.builds(Response, exposures, texts, floats, st.none() | floats)
plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), micros, texts, st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
entries = st.one_of(
    st.builds(Event, texts, texts, micros, interactions | answers),
    st.builds(ProfileUpdate, texts, micros, named),
    st.builds(SchemaNote, texts, st.dictionaries(texts, plain, max_size=3)),
)
touches = st.builds(
    Touch,
    texts,
    texts,
    texts,
    texts,
    micros,
    st.dictionaries(texts, st.tuples(micros, floats), max_size=3),
    st.none() | floats,
)
details = st.dictionaries(
    texts, st.booleans() | micros | st.floats(-1e15, 1e15) | texts, max_size=3
)
customers = st.builds(
    Customer,
    texts,
    named,
    micros,
    st.dictionaries(texts, micros, max_size=3),
    st.lists(touches, max_size=3),
    st.lists(st.builds(PastInteraction, micros, texts, texts, texts, details), max_size=3),
    st.dictionaries(texts, st.integers(0, 9), max_size=3),
    st.dictionaries(texts, micros, max_size=3),
    st.integers(0, 2**62),
)
offers = st.builds(
    Offer,
    *[texts] * 4,
    st.integers(1, 9),
    *[floats] * 4,
    st.dictionaries(texts, texts, max_size=3),
)
questions = st.builds(
    Question,
    texts,
    texts,
    st.lists(texts, max_size=3).map(tuple),
    named,
    texts,
    st.none() | interactions,
    st.integers(0, 9),
    st.booleans(),
    st.just(False),
)
decisions = st.builds(
    Decision,
    *[texts] * 4,
    micros,
    st.integers(0, 2**64 - 1),
    st.lists(
        st.builds(PlacementOffers, texts, st.lists(offers, max_size=2), st.booleans()), max_size=2
    ),
    *[texts] * 3,
    st.just(()),
    sequences,
    st.none() | sequences,
    texts,
)


@settings(deadline=None)
@given(entries)
def test_entries_come_back_exactly(entry: Entry) -> None:
    assert repr(decode_entry(*encode_entry(entry))) == repr(entry)


@settings(deadline=None)
@given(customers)
def test_customers_come_back_exactly(customer: Customer) -> None:
    assert repr(decode_customer(encode_customer(customer))) == repr(customer)


@settings(deadline=None)
@given(customers, st.integers(0, 350))
def test_a_history_comes_back_exactly_however_long_it_is(customer: Customer, lines: int) -> None:
    told = customer.touches or [
        Touch(DecisionId("d"), ActionId("null"), "web", PlacementId("p"), 1)
    ]
    customer.touches = [deepcopy(told[at % len(told)]) for at in range(lines)]
    written = encode_customer(customer)
    assert repr(decode_customer(written)) == repr(customer)
    assert in_pieces(customer)[0] == written


def in_pieces(customer: Customer) -> tuple[bytes, int]:
    """What comes of `encode_customer_in_pieces`, and in how many steps."""
    pieces, steps = encode_customer_in_pieces(customer), 1
    while True:
        try:
            next(pieces)
        except StopIteration as done:
            return done.value, steps
        steps += 1


def test_a_full_history_is_encoded_in_many_steps() -> None:
    lines = [
        Touch(
            DecisionId(f"d{at}"), ActionId("a"), "web", PlacementId("p"), at, {"click": (at, 1.5)}
        )
        for at in range(MAX_TOUCHES)
    ]
    customer = Customer(CustomerId("ada"), touches=lines)
    written, steps = in_pieces(customer)
    assert (written, steps) == (encode_customer(customer), 11)


@settings(deadline=None)
@given(questions, decisions)
def test_decisions_come_back_exactly(question: Question, decided: Decision) -> None:
    record = DecisionRecord(question, decided)
    assert repr(decode_decision(encode_decision(record))) == repr(record)


def test_the_arrays_of_a_contest_come_back_bit_for_bit() -> None:
    record = decision(actions=200)
    (contest,) = record.decision.contests
    (again,) = decode_decision(encode_decision(record)).decision.contests
    assert again.placement == contest.placement
    for ours, theirs in zip(contest[1:7], again[1:7], strict=True):
        assert isinstance(ours, np.ndarray)
        assert isinstance(theirs, np.ndarray)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_of_actions_that_did_not_compete_nothing_is_kept() -> None:
    record = decision(actions=4)
    (contest,) = record.decision.contests
    some = contest._replace(actions=contest.actions[:2], priorities=contest.priorities[:2])
    record.decision.contests = (some,)
    (again,) = decode_decision(encode_decision(record)).decision.contests
    np.testing.assert_array_equal(again.actions, [3, 2])
    np.testing.assert_array_equal(again.priorities, some.priorities)
    np.testing.assert_array_equal(again.lever, [np.nan, np.nan, *contest.lever[2:]])


def test_a_contest_without_propensities_comes_back_without() -> None:
    record = decision()
    (contest,) = record.decision.contests
    record.decision.contests = (contest._replace(propensities=None),)
    (again,) = decode_decision(encode_decision(record)).decision.contests
    assert again.propensities is None
    np.testing.assert_array_equal(again.priorities, contest.priorities)


answers = st.one_of(
    st.booleans(),
    st.lists(
        st.builds(
            Narrowed, st.integers(1, 9), st.lists(st.integers(0, 99), unique=True), st.just(())
        )
    ).map(tuple),
    st.dictionaries(st.integers(0, 99), st.floats(1e-300, 1e300)),
)


@settings(deadline=None)
@given(
    st.none() | st.lists(answers),
    st.none() | st.lists(st.floats(-300, 300), min_size=5, max_size=5),
)
def test_what_limits_answered_and_what_was_added_to_c_come_back_exactly(
    said: list[Answer] | None, pull: list[float] | None
) -> None:
    record = decision(actions=5)
    percent = None if pull is None else np.array(pull)
    everybody = Entered(range(5), range(5))
    record.decision.grounds = Grounds((everybody,), said, percent)
    again = decode_decision(encode_decision(record)).decision.grounds
    assert again is not None
    kept = None if again.limits is None else list(again.limits)
    assert kept == said
    np.testing.assert_array_equal(again.pull, percent)


def test_of_those_who_entered_and_did_not_compete_the_propensities_are_kept() -> None:
    record = decision(actions=4)
    (contest,) = record.decision.contests
    some = contest._replace(actions=contest.actions[:2], priorities=contest.priorities[:2])
    record.decision.contests = (some,)
    record.decision.grounds = Grounds((Entered([7, 8, 9], {7: 3, 8: 0, 9: 2}),), None, None)  # type: ignore[arg-type]
    again = decode_decision(encode_decision(record)).decision
    assert again.grounds is not None
    assert sorted(again.grounds.entered[0].actions) == [0, 2, 3]
    assert contest.propensities is not None
    expected = [contest.propensities[0], np.nan, *contest.propensities[2:]]
    np.testing.assert_array_equal(again.contests[0].propensities, expected)


def test_a_record_from_before_grounds_were_kept_is_still_read() -> None:
    body = encode_decision(decision())
    text, raw = struct.unpack_from("<II", body)
    fields = orjson.loads(body[8 : 8 + text])[:-1]
    older = orjson.dumps(fields)
    again = decode_decision(struct.pack("<II", len(older), raw) + older + body[8 + text :])
    assert repr(again) == repr(decode_decision(body))
    assert again.decision.grounds is None


def test_a_block_is_split_into_its_records() -> None:
    records = [encode_decision(decision(f"d{n}", actions=n)) for n in range(4)]
    assert split_decisions(b"".join(records)) == records


@pytest.mark.parametrize(
    "value", [2**64, -(2**63) - 1, object(), {1: "key"}, b"bytes", {"deep": [2**64]}]
)
def test_what_is_no_value_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_entry(update(age=value))


def test_kinds_are_told_apart() -> None:
    told: list[Entry] = [interaction(), response(), update(), SchemaNote("s1", {})]
    kinds = [encode_entry(entry)[0] for entry in told]
    assert kinds == list(EntryKind)


@pytest.mark.parametrize("data", [b"", b"[", b"5", b"[]", b"{}", b"null"])
def test_damaged_bytes_are_a_storage_error(data: bytes) -> None:
    with pytest.raises(StorageError, match="damaged"):
        decode_customer(data)


def test_a_newer_layout_is_refused() -> None:
    data = encode_customer(Customer(decode_entry(*encode_entry(update())).customer_id))  # type: ignore[union-attr]
    with pytest.raises(StorageError, match="layout 2"):
        decode_customer(data.replace(b"[1,", b"[2,", 1))
