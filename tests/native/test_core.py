"""The compiled functions beside their namesakes in Python: the same answers, to the last bit, and no crash."""

import gc
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import native as package
from engine.columns import evenly
from engine.model import UNKNOWN, ActionId, Contest, Offer, TreatmentId, Value
from engine.native import interpreted
from engine.wire.decision_pb2 import Offer as OfferMessage
from engine.wire.decision_pb2 import PlacementOffers

core: Any = pytest.importorskip(
    "engine.native.core", reason="engine/native/core.c is not compiled: tools/native.py says why"
)

Column = npt.NDArray[np.float64]

BOOK = 7
"""Actions, and twice as many treatments."""

floats = st.floats() | st.sampled_from([0.0, -0.0, 1.0, 1e300])
texts = st.sampled_from(["", "a", "ä", "null"]) | st.text(max_size=4)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), floats, texts, st.just(UNKNOWN))
contents = st.dictionaries(texts, texts, max_size=2)
columns = st.lists(floats, min_size=BOOK, max_size=BOOK).map(np.array) | floats.map(
    lambda number: evenly(number, BOOK)
)
offers = st.builds(
    Offer, *[texts] * 4, st.integers(0, (1 << 14) - 1), *[floats] * 4, contents, texts
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and every bit, also where NaN is."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Offer):
        return same(astuple(one), astuple(other))
    if isinstance(one, np.ndarray):
        return (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
    return bool(one == other)


def outcome(function: Callable[..., Any], *given: Any) -> Any:
    """What a function answers, or the kind of error it raises, without what that holds on to."""
    try:
        return function(*given)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return type(error)


def filled_in(values: Any) -> dict[str, str]:
    return {"headline": f"for {values}"}


@st.composite
def cards(draw: st.DrawFn) -> tuple[Any, ...]:
    ids = ActionId(draw(texts)), TreatmentId(draw(texts)), draw(texts), draw(texts)
    return *ids, draw(st.none() | contents), filled_in


@settings(deadline=None)
@given(
    chosen=st.lists(st.tuples(st.integers(0, 2 * BOOK - 1), floats, texts), max_size=12),
    book=st.lists(cards(), min_size=2 * BOOK, max_size=2 * BOOK).map(tuple),
    action_of=st.tuples(*[st.integers(0, BOOK - 1)] * 2 * BOOK),
    product=columns,
    value=columns,
    propensities=st.none() | columns,
    by_propensity=st.booleans(),
)
def test_offers_are_the_same(
    chosen: Any,
    book: Any,
    action_of: Any,
    product: Column,
    value: Column,
    propensities: Column | None,
    by_propensity: bool,
) -> None:
    values: list[Value] = [1, "x"]
    asked = chosen, book, action_of, product, value, propensities, by_propensity, values
    with np.errstate(all="ignore"):
        assert same(core.offers(*asked), interpreted.offers(*asked))


@given(st.lists(offers, max_size=4), st.binary(max_size=14).map(lambda b: bytes(n % 12 for n in b)))
def test_rows_are_the_same(made: list[Offer], fields: bytes) -> None:
    more = object()
    assert same(core.rows(made, fields, more), interpreted.rows(made, fields, more))


def head(offer: Offer) -> bytes:
    fixed = OfferMessage(action_id=offer.action_id, content=offer.content).SerializeToString()
    size = len(fixed) + interpreted.NUMBERS
    return bytes([0x12, size & 0x7F | 0x80, size >> 7]) + fixed


@settings(deadline=None)
@given(st.lists(st.lists(offers, max_size=4), max_size=3), texts)
def test_offers_are_written_the_same_and_read_as_they_are(
    shown: list[list[Offer]], at: str
) -> None:
    kept: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for made in shown:
        written = core.offer_bytes(made, kept[0], at, head)
        assert written == interpreted.offer_bytes(made, kept[1], at, head)
        assert kept[0] == kept[1]
    for made in shown:
        read = PlacementOffers.FromString(core.offer_bytes(made, {}, at, head)).offers
        assert [o.rank for o in read] == [o.rank for o in made]
        for name in ("priority", "propensity", "value", "probability"):
            assert same([getattr(o, name) for o in read], [getattr(o, name) for o in made])


def test_what_is_kept_of_an_offer_is_used_only_while_it_is_the_same() -> None:
    one = Offer(ActionId("a"), TreatmentId("t"), "", "", 1, 0.0, 0.0, 0.0, 1.0, {"x": "1"})
    asked: list[Offer] = []

    def noting(offer: Offer) -> bytes:
        asked.append(offer)
        return b"head"

    kept: dict[str, Any] = {}
    for function in (core.offer_bytes, core.offer_bytes, interpreted.offer_bytes):
        function([one], kept, "p", noting)
    assert len(asked) == 1
    one.bundle = "b"
    core.offer_bytes([one], kept, "p", noting)
    one.content = dict(one.content)
    interpreted.offer_bytes([one], kept, "p", noting)
    assert len(asked) == 3


def test_nothing_is_kept_of_an_offer_whose_head_is_no_bytes() -> None:
    kept: dict[str, Any] = {}
    for _ in range(2):
        with pytest.raises(TypeError, match="a head is bytes"):
            core.offer_bytes([OFFER], kept, "", lambda _: "text")
    assert not kept


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    treatments=st.lists(st.integers(0, 149), max_size=150),
    by_propensity=st.booleans(),
)
def test_candidates_are_the_same(seed: int, treatments: list[int], by_propensity: bool) -> None:
    chance = np.random.default_rng(seed)
    asked = (
        treatments,
        chance.integers(0, 100, 150),
        chance.random(100),
        chance.random(100) * chance.integers(0, 2, 100),
        np.where(chance.random(100) < 0.1, np.nan, chance.random(100)),
        chance.permutation(100),
        by_propensity,
    )
    assert same(core.weigh(*asked), interpreted.weigh(*asked))


@given(
    st.lists(st.integers(0, BOOK - 1), max_size=BOOK),
    st.booleans(),
    st.lists(columns, max_size=4).map(tuple),
    st.data(),
)
def test_records_are_cut_the_same(
    actions: list[int], has_own: bool, of_book: tuple[Column, ...], data: st.DataObject
) -> None:
    own = None
    if has_own:
        drawn = data.draw(st.lists(floats, min_size=len(actions), max_size=len(actions)))
        own = np.frombuffer(
            b"." + np.array(drawn, float).tobytes(), offset=1
        )  # as records are read
    asked = np.array(actions, np.intp), own, of_book
    written = core.cut(*asked)
    assert written == interpreted.cut(*asked)
    assert written.startswith(struct.pack(f"<{len(actions)}i", *actions))
    assert len(written) == len(actions) * (4 + 8 * (len(of_book) + has_own))


@given(
    st.lists(st.lists(st.floats(-1e9, 1e9), max_size=3).map(tuple), max_size=4),
    st.lists(st.floats(0, 1), max_size=4).map(sorted),
)
def test_stages_are_counted_the_same(every: Any, bounds: list[float]) -> None:
    found = np.zeros(3 * (len(bounds) + 2)), np.zeros(3 * (len(bounds) + 2))
    for took in every:
        for function, counts in zip((core.tally, interpreted.tally), found, strict=True):
            function(counts, np.array(bounds), took)
    assert same(*found)


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 20))
def test_frames_are_cut_the_same(data: bytes, at: int, most: int) -> None:
    at = min(at, len(data))
    plain = data.replace(b"\xff", b"\0\0")
    for one in (data, plain, plain[at:]):
        asked = one, min(at, len(one)), most
        assert same(core.frames(*asked), interpreted.frames(*asked))


@given(st.integers(0, 2**31 - 1), st.binary(), st.binary(), st.binary(max_size=300))
def test_replies_are_framed_the_same_and_read_as_they_are(
    stream: int, opening: bytes, data: bytes, farewell: bytes
) -> None:
    written = core.reply(stream, opening, data, farewell)
    assert written == interpreted.reply(stream, opening, data, farewell)
    assert core.frames(written, 0, 2**14) == (
        [(1, 4, stream, opening), (0, 0, stream, data), (1, 5, stream, farewell)],
        len(written),
    )


class Point(NamedTuple):
    x: int
    y: int = 7


class Special(Point):
    pass


def test_named_tuples_are_made_as_ever() -> None:
    usual = [Point(1, 2), Point(1), Point(y=2, x=1), Point(1, y=3), Point._make((3, 4))]
    assert core.quick(Point) is Point
    now = [Point(1, 2), Point(1), Point(y=2, x=1), Point(1, y=3), Point._make((3, 4))]
    assert now == usual
    assert [type(one) for one in now] == [Point] * 5
    assert Point(1, 2)._replace(x=5) == (5, 2)
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    special = Special(1, 2)
    assert (type(special), special.y) == (Special, 2)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        ((1, 2, 3), {}),
        ((1,), {"z": 2}),
    ]
    for given_, named in wrong:
        with pytest.raises(TypeError):
            Point(*given_, **named)


def test_only_named_tuples_are_made_quickly_and_once() -> None:
    core.quick(NamedTuple("Other", [("a", int)]))
    for other in (int, tuple, Special, Offer, 7, type("Bare", (tuple,), {"__slots__": ()})):
        with pytest.raises((TypeError, AttributeError)):
            core.quick(other)
    with pytest.raises(TypeError):
        core.quick(Contest)


places = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(
    st.lists(st.tuples(st.integers(0, 2**31 - 2), places, places), max_size=8).map(tuple),
    st.lists(st.sampled_from([True, True, False, None]), min_size=4, max_size=4),
    st.lists(st.sampled_from([1, "", False, None, UNKNOWN]), min_size=4, max_size=4),
)
def test_treatments_pass_the_same(tests: Any, truths: Any, values: Any) -> None:
    found: tuple[list[int], list[int]] = [-1], [-1]
    for module, passed in zip((core, interpreted), found, strict=True):
        module.passing(module.tests(tests), truths, values, UNKNOWN, passed)
    assert same(*found)


@given(
    st.lists(st.tuples(st.integers(0, 4), floats), max_size=6),
    st.sampled_from([np.arange(5) * 3, np.arange(10)[::2], np.arange(15).reshape(3, 5)[1]]),
)
def test_slots_are_the_same(picks: Any, treatments: npt.NDArray[np.intp]) -> None:
    assert same(core.slots(picks, treatments), interpreted.slots(picks, treatments))


@given(st.dictionaries(texts, scalars), st.lists(st.tuples(texts, scalars)))
def test_attributes_are_found_the_same(attributes: Any, asked: Any) -> None:
    names, absent = tuple(name for name, _ in asked), tuple(value for _, value in asked)
    given_ = attributes, names, absent
    assert same(core.lookup(*given_), interpreted.lookup(*given_))


kinds = st.frozensets(st.sampled_from([bool, int, float, str, type(None), type(UNKNOWN)]))


@given(st.lists(st.tuples(scalars, kinds), max_size=6))
def test_kinds_fit_the_same(asked: Any) -> None:
    given_ = [value for value, _ in asked], tuple(kind for _, kind in asked)
    assert core.fits(*given_) is interpreted.fits(*given_)


class Text(str):
    __slots__ = ()


odd = st.sampled_from([Text("x"), np.float64(1.0), [1], (1,), {"a": 1}, b"x", 2**70])
sequences = st.lists(scalars | odd, max_size=6)


@given(sequences | sequences.map(tuple) | st.lists(scalars).map(dict.fromkeys).map(dict.keys) | odd)
def test_plain_is_what_is_plain(values: Any) -> None:
    assert core.is_plain(values) is interpreted.is_plain(values)


@given(sequences.filter(len), st.data())
def test_numbers_and_what_is_known_are_the_same(values: list[Any], data: st.DataObject) -> None:
    places = tuple(data.draw(st.lists(st.integers(0, len(values) - 1), max_size=8)))
    for raw in (values, tuple(values)):
        found = np.zeros(len(places)), np.zeros(len(places))
        told = core.numbers(raw, places, found[0])
        assert told is interpreted.numbers(raw, places, found[1])
        assert not told or same(*found)
        assert same(core.known(raw, places, UNKNOWN), interpreted.known(raw, places, UNKNOWN))


class Table(dict[Any, int]):
    """Has something for every value."""

    def __missing__(self, value: Any) -> int:
        return 7


@given(st.lists(st.sampled_from(["a", "b", None, True, 3]), min_size=1), st.data())
def test_columns_are_the_same(raw: list[Any], data: st.DataObject) -> None:
    places = tuple(data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=8)))
    tables = tuple(Table({"a": n, None: 100}) for n in range(len(places)))
    found = np.zeros(9, np.intp), np.zeros(9, np.intp)
    core.columns(tables, raw, places, found[0][1:])
    interpreted.columns(tables, raw, places, found[1][1:])
    assert same(*found)


def test_numbers_beyond_every_float_are_for_a_closer_look() -> None:
    for function in (core.numbers, interpreted.numbers):
        assert not function([10**400], (0,), np.empty(1))
        assert function([-1, None, 2**60], (0, 1, 2), np.empty(3))


OFFER = Offer(ActionId("a"), TreatmentId("t"), "i", "g", 1, 1.0, 0.5, 2.0, 0.1, {"x": "y"})
CARD = ("a", "t", "i", "g", None, filled_in)
ONES, INDEXES = np.ones(3), np.arange(3)


def fails(values: Any) -> dict[str, str]:
    raise ValueError(values)


@dataclass(slots=True)
class Other:
    """No offer."""

    action_id: str = ""


class Grown(dict[str, str]):
    """All slots of an offer, but more than them."""

    __slots__ = interpreted.FIELDS


class Longer:
    """All slots of an offer, and one more."""

    __slots__ = (*interpreted.FIELDS, "more")


SHARED = [True]
TEST = core.tests(((0, (0,), (0,)),))
UNALIGNED = np.ndarray(2, float, bytearray(17), 1)


def half_made() -> Offer:
    return Offer.__new__(Offer)


MISTAKES: list[tuple[str, tuple[Any, ...]]] = [
    ("offers", ()),
    ("offers", ([(3, 1.0, "")], (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(-1, 1.0, "")], (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (3,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (0, 1), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0)], (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0.0, 1.0, "")], (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(2**80, 1.0, "")], (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD[:5],), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (0,), ONES, np.ones(2), None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (0,), ONES, ONES, ONES.astype("f4"), True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (0,), np.ones((3, 3)), ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], (CARD,), (0,), [1.0], ONES, None, True, [])),
    ("offers", (((0, 1.0, ""),), (CARD,), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], ((*CARD[:5], fails),), (0,), ONES, ONES, None, True, [])),
    ("offers", ([(0, 1.0, "")], ((*CARD[:5], 7),), (0,), ONES, ONES, None, True, [])),
    ("rows", ([OFFER], b"\x0c", None)),
    ("rows", ([Other()], b"\x00", None)),
    ("rows", ([half_made()], b"\x00", None)),
    ("rows", ((OFFER,), b"\x00", None)),
    ("offer_bytes", ([Other()], {}, "", head)),
    ("offer_bytes", ([half_made()], {}, "", head)),
    ("offer_bytes", ([OFFER], {"t": (OFFER.content, "", "text")}, "", head)),
    ("offer_bytes", ([OFFER], {"t": "text"}, "", head)),
    ("offer_bytes", ([OFFER], {}, "", lambda offer: "text")),
    ("offer_bytes", ([OFFER], {}, "", fails)),
    ("weigh", ([3], INDEXES, ONES, ONES, ONES, INDEXES, True)),
    ("weigh", ([0], INDEXES + 3, ONES, ONES, ONES, INDEXES, True)),
    ("weigh", ([0], INDEXES, ONES, ONES[:2], ONES, INDEXES, True)),
    ("weigh", (["0"], INDEXES, ONES, ONES, ONES, INDEXES, True)),
    ("weigh", ([0], INDEXES, UNALIGNED, ONES, ONES, INDEXES, True)),
    ("weigh", ([0], INDEXES, ONES, ONES, ONES, ONES, True)),
    ("weigh", ([0], INDEXES, ONES, ONES, ONES[::2], INDEXES, True)),
    ("weigh", ((0,), INDEXES, ONES, ONES, ONES, INDEXES, True)),
    ("weigh", ([0], INDEXES, ONES, ONES, ONES, INDEXES, 1)),
    ("cut", (INDEXES, None, (ONES[:0],))),
    ("cut", (INDEXES - 1, None, (ONES,))),
    ("cut", (INDEXES + 2**31, None, ())),
    ("cut", (INDEXES, ONES[:1], ())),
    ("cut", (INDEXES, None, [ONES])),
    ("cut", (INDEXES, None, (ONES, ONES.astype("f4")))),
    ("cut", (ONES, None, ())),
    ("cut", (INDEXES, ONES.astype(">f8"), ())),
    ("passing", (TEST, [], [1], None, [])),
    ("passing", (TEST, [True], [], None, [])),
    ("passing", (TEST[:-1], [True], [1], None, [])),
    ("passing", (TEST[:8], [True], [1], None, [])),
    ("passing", (TEST[:4], [True], [1], None, [])),
    ("passing", (struct.pack("5i", 0, 1, -1, 1, 0), [True], [1], None, [])),
    ("passing", (struct.pack("5i", 0, 1, 0, 1, -1), [True], [1], None, [])),
    ("passing", (struct.pack("5i", 0, -1, 0, 1, 0), [True], [1], None, [])),
    ("passing", (struct.pack("5i", 0, 2**31 - 1, 0, 1, 0), [True], [1], None, [])),
    ("passing", ((), [], [], None, [])),
    ("passing", (b"", {}, [], None, [])),
    ("passing", (b"", [], {}, None, [])),
    ("passing", (b"", [], [], None, ())),
    ("passing", (TEST, SHARED, [1], None, SHARED)),
    ("tests", ((0, (), ()),)),
    ("tests", (((0, (-1,), ()),),)),
    ("tests", (((0, (), (2**31,)),),)),
    ("tests", (((0, [0], ()),),)),
    ("tests", (((0, ("0",), ()),),)),
    ("tests", (((-1, (), ()),),)),
    ("tests", (((0, ()),),)),
    ("tests", ([(0, (), ())],)),
    ("tally", (np.zeros(3), np.zeros(2), (1.0,))),
    ("tally", (np.zeros(4), np.zeros(2), [1.0])),
    ("tally", (np.zeros(4), np.zeros(2), (1,))),
    ("tally", (evenly(0, 4), np.zeros(2), (1.0,))),
    ("frames", (bytearray(9), 0, 9)),
    ("frames", (bytes(9), 10, 9)),
    ("frames", (bytes(9), -1, 9)),
    ("frames", (bytes(9), 0, -1)),
    ("reply", (2**31, b"", b"", b"")),
    ("reply", (-1, b"", b"", b"")),
    ("reply", (1, b"", bytearray(), b"")),
    ("reply", (1, b"", bytes(1 << 24), b"")),
    ("slots", ([(3, 1.0)], INDEXES)),
    ("slots", ([(0,)], INDEXES)),
    ("slots", ([0], INDEXES)),
    ("slots", ([(0, 1.0)], ONES)),
    ("lookup", ({}, ("a",), ())),
    ("lookup", ({}, ([],), (None,))),
    ("lookup", ([], ("a",), (None,))),
    ("fits", ([1], ())),
    ("fits", ([1], (int,))),
    ("known", ([1], (1,), None)),
    ("known", ([1], ("0",), None)),
    ("known", ({}, (0,), None)),
    ("numbers", ([1], (1,), ONES.copy())),
    ("numbers", ([1, 2], (0, 1), np.empty(1))),
    ("numbers", ([1], (0,), evenly(1.0, 1))),
    ("numbers", ([1], (0,), np.empty((1, 1)))),
    ("numbers", ([1], (0,), UNALIGNED)),
    ("columns", (({},), ["a"], (0,), np.empty(1, int))),
    ("columns", (({"a": -1},), ["a"], (0,), np.empty(1, int))),
    ("columns", (({"a": "b"},), ["a"], (0,), np.empty(1, int))),
    ("columns", (({"a": 1},), ["a"], (1,), np.empty(1, int))),
    ("columns", (({"a": 1},), ["a"], (0,), np.empty(0, int))),
    ("columns", (({"a": 1},), ["a"], (0,), np.empty(1))),
    ("columns", (({"a": 1}, {}), ["a"], (0,), np.empty(2, int))),
    ("register", (Other,)),
    ("register", (Grown,)),
    ("register", (Longer,)),
    ("register", (7,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked"), MISTAKES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_mistake_is_an_error_and_nothing_else(name: str, asked: tuple[Any, ...]) -> None:
    for _ in range(3):
        with pytest.raises((TypeError, ValueError, LookupError, AttributeError, BufferError)):
            getattr(core, name)(*asked)


def test_nothing_is_kept_that_was_taken_or_given() -> None:
    content, values, bundle, at = {"x": "y"}, [object()], "bundle-1", "place-1"
    card = ("action-1", "treatment-1", "issue-1", "group-1", content, filled_in)
    watched = [content, values, bundle, at, card, *card, UNKNOWN, INDEXES, ONES, OFFER]

    def once() -> None:
        chosen = core.slots([(0, 0.25)], INDEXES)
        made = core.offers(chosen, (card,), (0,), ONES, ONES, ONES, True, values)
        filled = (*card[:4], None, filled_in)
        core.offers(chosen, (filled,), (0,), ONES, ONES, None, True, values)
        core.rows([*made, OFFER], bytes(range(12)), at)
        core.offer_bytes([*made, OFFER], {}, at, head)
        core.weigh([0], INDEXES, ONES, ONES, ONES, INDEXES, True)
        core.cut(INDEXES, ONES, (ONES, ONES))
        core.passing(core.tests(((1 << 20, (0,), (0,)),)), [True], [content], UNKNOWN, [])
        core.lookup({at: values}, (at, bundle), (None, content))
        core.known([UNKNOWN, content], (0, 1), UNKNOWN)
        core.fits([content], (frozenset({dict}),))
        core.numbers([1, None], (0, 1), ONES.copy())
        core.is_plain([content, bundle])
        core.columns(({bundle: 2**40},), [bundle], (0,), np.empty(1, np.intp))
        core.tally(np.zeros(4), np.ones(2), (0.5,))
        core.frames(core.reply(1 << 20, b"opening", b"data", b"farewell"), 0, 300)
        anything: Any = Contest
        anything(at, *[content] * 8)
        outcome(anything, at, at)
        anything(*[at] * 7, calm=bundle)
        for name, asked in MISTAKES:
            outcome(getattr(core, name), *asked)

    for _ in range(50):
        once()
    gc.collect()
    before = [sys.getrefcount(one) for one in watched]
    blocks = sys.getallocatedblocks()
    for _ in range(500):
        once()
    gc.collect()
    assert [sys.getrefcount(one) for one in watched] == before
    assert sys.getallocatedblocks() - blocks < 400, "what is kept once a time would be 500"


def test_compiled_functions_of_another_version_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert package.IS_COMPILED
    assert package._compiled("core") is core
    monkeypatch.setattr(core, "VERSION", package.VERSION + 1)
    assert package._compiled("core") is None
    assert package._compiled("loops") is package.compiled
    assert package._compiled("no_such") is None
