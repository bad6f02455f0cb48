"""The bytes of a decision's record, beside a plain writer of the same layout, and read again."""

import struct
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import DecisionRecord, decode_decision, encode_decision
from engine.columns import evenly, the_same
from engine.grounds import Entered, Grounds, Venture
from engine.model import UNKNOWN, Contest, Offer, PlacementId, PlacementOffers, Value
from engine.native.heads import Heads
from tests.happenings import decision

BOOK = 9
"""Actions in the book."""

Vector = npt.NDArray[np.float64]

texts = st.sampled_from(["", "null", ",null,", "[null]", "ä", "$"]) | st.text(max_size=5)
numbers = st.floats() | st.sampled_from([0.0, -0.0, 1e300])
scalars = st.one_of(
    st.none(), st.just(UNKNOWN), st.booleans(), st.integers(-(2**63), 2**63 - 1), numbers, texts
)
sequences = st.lists(scalars, max_size=6) | st.lists(scalars, max_size=6).map(tuple)
offers = st.builds(
    Offer,
    *[texts] * 4,
    st.integers(1, 20),
    *[numbers] * 4,
    st.dictionaries(texts, texts, max_size=2),
    texts,
)
placements = st.lists(
    st.builds(PlacementOffers, texts, st.lists(offers, max_size=3), st.booleans()), max_size=2
)
columns = st.lists(numbers, min_size=BOOK, max_size=BOOK).map(np.array)
even = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: evenly(number, BOOK))
counts = st.lists(st.integers(0, 2**31 - 1), min_size=BOOK, max_size=BOOK).map(
    lambda seen: np.array(seen, float)
)
ventures = st.builds(
    Venture,
    st.none()
    | st.dictionaries(
        st.integers(0, BOOK - 1), st.tuples(st.floats(0, 99), st.floats(0, 99)), max_size=3
    ),
    st.none() | numbers,
    st.none() | counts,
)


@st.composite
def contests(draw: st.DrawFn) -> tuple[Contest, list[int]]:
    """A contest, and all who entered it, of whom some did not compete."""
    entered = draw(st.lists(st.integers(0, BOOK - 1), unique=True))
    competed = np.array(entered[: draw(st.integers(0, len(entered)))], np.intp)
    priorities, propensities = draw(columns)[: len(competed)], draw(st.none() | columns)
    context, value, lever = draw(columns | even), draw(columns | even), draw(columns | even)
    weighed = propensities is not None and draw(st.booleans())
    if weighed and propensities is not None:
        with np.errstate(all="ignore"):
            priorities = propensities[competed] * (context * value * lever)[competed]
    contest = Contest(
        PlacementId(draw(texts)),
        competed,
        priorities,
        propensities,
        context,
        value,
        lever,
        weighed=weighed,
    )
    return contest, sorted(entered)


@st.composite
def records(draw: st.DrawFn) -> DecisionRecord:
    """Records with none to two contests, with grounds or without."""
    record = decision()
    held = draw(st.lists(contests(), max_size=2))
    decided = record.decision
    decided.values = draw(sequences)
    decided.features = draw(st.none() | sequences)
    decided.placements = draw(placements)
    decided.contests = tuple(contest for contest, _ in held)
    if draw(st.booleans()):
        entered = tuple(Entered(actions, range(BOOK)) for _, actions in held)
        decided.grounds = Grounds(
            entered, None, draw(st.none() | counts) if held else None, draw(ventures)
        )
    return record


def exact(value: Value) -> Any:
    """A scalar as the layout has it."""
    if isinstance(value, float) and not np.isfinite(value):
        return {"$": repr(value)}
    return {"$": 0} if value is UNKNOWN else value


def sequence(values: Sequence[Value]) -> Any:
    packed = [exact(value) for value in values]
    return {"$": packed} if isinstance(values, tuple) else packed


def others(contest: Contest, entered: Entered) -> list[int]:
    return sorted(set(entered.actions) - set(contest.actions.tolist()))


def plainly(record: DecisionRecord, layout: int = 3) -> bytes:
    """The same layout by the longest way: every value looked at, every array converted."""
    question, decided = record
    raw = b""

    def write(kind: str, array: npt.NDArray[Any]) -> None:
        nonlocal raw
        raw += array.astype(kind).tobytes()

    if layout > 2:
        for placed in decided.placements:
            raw += b"".join(map(offer_plainly, placed.offers))
    packed = []
    for contest in decided.contests:
        given = contest.propensities is not None
        lengths = [contest.placement, given, len(contest.actions), BOOK]
        same: list[float | None] = [None] * 3
        if layout > 1:
            same = [the_same(c) for c in (contest.context, contest.value, contest.lever)]
            lengths += [contest.weighed, *same]
        packed.append(lengths)
        write("<i4", contest.actions)
        if layout == 1 or not contest.weighed:
            write("<f8", contest.priorities)
        if contest.propensities is not None:
            write("<f8", contest.propensities.take(contest.actions))
        for column, one in zip((contest.context, contest.value, contest.lever), same, strict=True):
            if one is None:
                write("<f8", column.take(contest.actions))
    text = [
        layout,
        [
            *(question.customer_id, question.channel, question.placements, dict(question.context)),
            *(question.request_id, None, question.max_offers, question.explain, question.dry_run),
        ],
        *(decided.decision_id, decided.decided_at, decided.seed),
        [
            [
                placed.placement,
                placed.fallback,
                len(placed.offers)
                if layout > 2
                else [list(map(exact, astuple(o))) for o in placed.offers],
            ]
            for placed in decided.placements
        ],
        *(decided.rulebook_version, decided.model_version, decided.holdout, []),
        sequence(decided.values),
        None if decided.features is None else sequence(decided.features),
        *(decided.schema, packed, decided.customer_id, decided.request_id, decided.channel),
        None if decided.grounds is None else grounds(decided.contests, decided.grounds, write),
    ]
    head = orjson.dumps(text)
    return struct.pack("<II", len(head), len(raw)) + head + raw


def offer_plainly(offer: Offer) -> bytes:
    common = offer.action_id, offer.treatment_id, offer.issue, offer.group
    text = orjson.dumps([*common, offer.content, offer.bundle])
    measured = offer.priority, offer.propensity, offer.value, offer.probability
    numbers = b"".join(
        bytes([tag]) + struct.pack("<d", number)
        for tag, number in zip((0x31, 0x39, 0x41, 0x49), measured, strict=True)
    )
    rank = bytes([0x28, offer.rank & 0x7F | 0x80, offer.rank >> 7])
    return struct.pack("<I", len(text)) + text + rank + numbers


def grounds(held: Sequence[Contest], told: Grounds, write: Any) -> list[Any]:
    beside = [np.array(others(c, e), np.intp) for c, e in zip(held, told.entered, strict=True)]
    for contest, other in zip(held, beside, strict=True):
        write("<i4", other)
        if contest.propensities is not None:
            write("<f8", contest.propensities.take(other))
    pull = None
    if told.pull is not None:
        moved = np.flatnonzero(told.pull)
        pull = [moved.tolist(), told.pull.take(moved).tolist()]
    packed: list[Any] = [[len(other) for other in beside], None, pull]
    beliefs, left, exposures = told.venture
    if beliefs is not None or left is not None or exposures is not None:
        named = None if beliefs is None else [[action, *shape] for action, shape in beliefs.items()]
        packed += [named, exact(left)]
    if exposures is not None:
        packed.append(True)
        for contest, other in zip(held, beside, strict=True):
            write("<i4", exposures.take(np.concatenate((contest.actions, other))))
    return packed


@settings(deadline=None)
@given(records())
def test_every_byte_is_as_by_the_longest_way(record: DecisionRecord) -> None:
    assert encode_decision(record) == plainly(record)


def test_what_offers_have_in_common_is_kept_for_each_book() -> None:
    record, heads = decision(), Heads()
    record.decision.contests, record.decision.grounds = (), None
    for version in ("one", "two", "one", *"abcdef", "two"):
        record.decision.rulebook_version = version
        for placed in record.decision.placements:
            for offer in placed.offers:
                offer.issue = version  # the texts stay the very same
        for _ in range(2):
            assert encode_decision(record, heads) == plainly(record)


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_number_of_all_actions_that_json_lacks_comes_back(number: float) -> None:
    record = decision()
    actions, even = np.array([2, 0]), evenly(1.5, 3)
    at = PlacementId("home")
    record.decision.contests = (
        Contest(at, actions, np.ones(2), None, even, evenly(number, 3), even),
    )
    [read] = decode_decision(encode_decision(record)).decision.contests
    assert repr(read.value[actions].tolist()) == repr([number] * 2)
    assert (read.context[actions].tolist(), read.lever[actions].tolist()) == ([1.5] * 2,) * 2


@settings(deadline=None)
@given(records(), st.integers(1, 3))
def test_records_of_every_layout_come_back_bit_for_bit(record: DecisionRecord, layout: int) -> None:
    with np.errstate(all="ignore"):
        ours, again = record.decision, decode_decision(plainly(record, layout)).decision
    assert repr((again.placements, again.values, again.features)) == repr(
        (ours.placements, ours.values, ours.features)
    )
    for contest, read in zip(ours.contests, again.contests, strict=True):
        at = contest.actions
        assert read.actions.tolist() == at.tolist()
        assert read.priorities.tobytes() == contest.priorities.tobytes()
        for name in ("context", "value", "lever"):
            assert getattr(read, name)[at].tobytes() == getattr(contest, name)[at].tobytes()
        assert (read.propensities is None) == (contest.propensities is None)
        if contest.propensities is not None and read.propensities is not None:
            assert read.propensities[at].tobytes() == contest.propensities[at].tobytes()
    if ours.grounds is not None and again.grounds is not None:
        for asked, kept in zip(ours.grounds.entered, again.grounds.entered, strict=True):
            assert sorted(asked.actions) == sorted(kept.actions)
