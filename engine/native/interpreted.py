"""The functions of `engine.native` in Python: what they do, and what does it where nothing was compiled.

What is compiled takes no arguments by name, so neither do these.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from struct import Struct
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from engine.columns import Vector
from engine.model import ActionId, Offer, TreatmentId, Value

Indexes: TypeAlias = npt.NDArray[np.intp]

Chosen: TypeAlias = tuple[int, float, str]
"""One filled slot: which treatment, how probable it was to choose it, and in which bundle, if any."""

Texts: TypeAlias = Mapping[str, str]
Card: TypeAlias = tuple[
    ActionId, TreatmentId, str, str, Texts | None, Callable[[Sequence[Value]], Texts]
]
"""What an offer of one treatment always says: its action, itself, issue, group; its texts if they are always the
same, and what fills them in."""

Fixed: TypeAlias = tuple[Texts, str, bytes]
"""The content and the bundle that an offer's first bytes were made of, and these bytes."""

Test: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...]]
"""A treatment, the conditions it needs, and the attributes its texts name."""

Tests: TypeAlias = tuple[Test, ...]
"""What `tests` makes; nobody else looks into it."""

FIELDS: Final = tuple(Offer.__slots__)
"""An offer's fields, in the order by which `rows` numbers them."""


TAGGED: Final = Struct("<BBBBdBdBdBd")
_RANK, _PRIORITY, _PROPENSITY, _VALUE, _PROBABILITY = 0x28, 0x31, 0x39, 0x41, 0x49  # tags
_MORE: Final = 0x80
NUMBERS: Final = TAGGED.size
"""Bytes of an offer's numbers, as `TAGGED` has them: its rank, a varint of always two bytes, and four doubles, each
after its tag."""


Kind = TypeVar("Kind", bound=type)


def quick(kind: Kind, /) -> Kind:
    """A decorator for named tuples: one is made without the interpreter where all fields are given in order."""
    return kind


def offers(
    chosen: list[Chosen],
    cards: tuple[Card, ...],
    action_of: tuple[int, ...],
    product: Vector,
    value: Vector,
    propensities: Vector | None,
    by_propensity: bool,
    values: Sequence[Value],
    /,
) -> list[Offer]:
    """The offers for filled slots, the first of rank 1.

    `cards` and `action_of` (indexes of the book) are over its treatments, `product` (C · V · L), `value`
    (V) and `propensities` over its actions. A priority is the product, times the propensity if
    `by_propensity`; without propensities (the model was not asked) they are 0, and P is 1.
    `values` fill texts in.
    """
    made = []
    for rank, (treatment, probability, bundle) in enumerate(chosen, 1):
        action_id, treatment_id, issue, group, texts, render = cards[treatment]
        action = action_of[treatment]
        priority, propensity = product.item(action), 0.0
        if propensities is not None:
            propensity = propensities.item(action)
            if by_propensity:
                priority *= propensity
        made.append(
            Offer(
                action_id,
                treatment_id,
                issue,
                group,
                rank,
                priority,
                propensity,
                value.item(action),
                probability,
                render(values) if texts is None else texts,
                bundle,
            )
        )
    return made


def rows(offers: list[Offer], fields: bytes, more: object, /) -> list[tuple[Any, ...]]:
    """Of each offer these fields, by their place in `FIELDS`; the place after the last is that of `more`."""
    names = [(*FIELDS, None)[field] for field in fields]
    return [
        tuple([more if name is None else getattr(offer, name) for name in names])
        for offer in offers
    ]


def offer_bytes(
    offers: list[Offer], kept: dict[str, Fixed], at: str, head: Callable[[Offer], bytes], /
) -> bytes:
    """The serialized `offers` of a `PlacementOffers`.

    `head` gives the first bytes of an offer: its tag, its length, and all but its numbers, which
    follow as `NUMBERS` bytes. They are `kept` by treatment (by the placement they are shown `at`, if they
    have none) for as long as content (the same object) and bundle are the same. Ranks are below 2¹⁴.
    """
    parts: list[bytes] = []
    for offer in offers:
        key = offer.treatment_id or at
        fixed = kept.get(key)
        if fixed is None or fixed[0] is not offer.content or fixed[1] != offer.bundle:
            fixed = kept[key] = offer.content, offer.bundle, head(offer)
        if not 0 <= offer.rank < 1 << 14:
            raise ValueError("a rank has 14 bits")
        parts += (
            fixed[2],
            TAGGED.pack(
                _RANK,
                offer.rank & 0x7F | _MORE,
                offer.rank >> 7,
                _PRIORITY,
                offer.priority,
                _PROPENSITY,
                offer.propensity,
                _VALUE,
                offer.value,
                _PROBABILITY,
                offer.probability,
            ),
        )
    return b"".join(parts)


def weigh(
    treatments: list[int],
    action_of: Indexes,
    propensities: Vector,
    floors: Vector,
    product: Vector,
    ties: Indexes,
    by_propensity: bool,
    /,
) -> tuple[Indexes, Indexes, Vector, Indexes]:
    """Those of `treatments` that are admitted, their actions, priorities and places among equals.

    Admitted is whose propensity reaches its floor and whose `product` (C · V · L) is a number.
    The priority is the product, times the propensity if `by_propensity`. `action_of` is over all
    treatments of the book, the other four over all its actions.
    """
    named = np.array(treatments, np.intp)
    actions = action_of[named]
    keep = (propensities[actions] >= floors[actions]) & ~np.isnan(product[actions])
    named, actions = named[keep], actions[keep]
    priorities = product[actions]
    if by_propensity:
        priorities *= propensities[actions]
    return named, actions, priorities, ties[actions]


def slots(picks: list[tuple[int, float]], treatments: Indexes, /) -> list[Chosen]:
    """The filled slots, by the positions among `treatments` that were picked, in no bundle."""
    return [(treatments.item(place), probability, "") for place, probability in picks]


def cut(actions: Indexes, own: Vector | None, columns: tuple[Vector, ...], /) -> bytes:
    """The actions in 32 bits each, their own numbers, and of each column those of these actions.

    All lowest byte first. `own` are as many as there are actions, `columns` over all actions of the book.
    """
    numbers = [column[actions] for column in columns]
    parts = [actions.astype("<i4").tobytes()]
    parts += [n.astype("<f8").tobytes() for n in (numbers if own is None else [own, *numbers])]
    return b"".join(parts)


def tally(counts: Vector, bounds: Vector, took: tuple[float, ...], /) -> None:
    """Counts in each row of `counts` what took so many seconds.

    A row holds a bucket for each of the upper `bounds` and one beyond the last, and the sum of all seconds.
    """
    row = len(bounds) + 2
    for at, seconds in enumerate(took):
        counts[at * row + int(np.searchsorted(bounds, seconds))] += 1.0
        counts[(at + 1) * row - 1] += seconds


FRAME: Final = Struct(">HBBBI")
"""What stands before a frame's body: 24 bits of its length, its kind and flags, and 32 of which 31 name its stream."""

STREAM: Final = 0x7FFF_FFFF
_DATA, _HEADERS, _END_STREAM, _END_HEADERS = 0, 1, 1, 4


def frames(data: bytes, at: int, most: int, /) -> tuple[list[tuple[int, int, int, bytes]], int]:
    """The whole frames of HTTP/2 from `at` on, and where the next begins; −1 where one has more than `most` octets.

    Of each its kind, flags, stream and body.
    """
    found: list[tuple[int, int, int, bytes]] = []
    while len(data) - at >= FRAME.size:
        high, low, kind, flags, stream = FRAME.unpack_from(data, at)
        length = high << 8 | low
        if length > most:
            return found, -1
        body = at + FRAME.size
        if len(data) - body < length:
            break
        at = body + length
        found.append((kind, flags, stream & STREAM, data[body:at]))
    return found, at


def reply(stream: int, opening: bytes, data: bytes, farewell: bytes, /) -> bytes:
    """A whole reply on a stream of HTTP/2: a frame of headers, one of data, and the headers that end it."""
    parts: list[bytes] = []
    last = _END_HEADERS | _END_STREAM
    for kind, flags, body in (
        (_HEADERS, _END_HEADERS, opening),
        (_DATA, 0, data),
        (_HEADERS, last, farewell),
    ):
        parts += FRAME.pack(len(body) >> 8, len(body) & 0xFF, kind, flags, stream), body
    return b"".join(parts)


def tests(each: tuple[Test, ...], /) -> Tests:
    """The tests as `passing` takes them."""
    return each


def passing(
    tests: Tests,
    truths: Sequence[bool | None],
    values: Sequence[Value],
    unknown: object,
    found: list[int],
    /,
) -> None:
    """Adds to `found` the treatments of those tests whose conditions are all true, and whose needs are there."""
    for treatment, conditions, needs in tests:
        told = [values[need] for need in needs]
        if all(truths[condition] is True for condition in conditions) and not any(
            value is None or value is unknown for value in told
        ):
            found.append(treatment)


def lookup(
    attributes: dict[str, Value], names: tuple[str, ...], absent: tuple[Value, ...], /
) -> list[Value]:
    """The attributes of these names; for a missing one what stands for it in `absent`."""
    return list(map(attributes.get, names, absent))


def known(values: Sequence[Any], places: tuple[int, ...], unknown: object, /) -> list[Any]:
    """The values at these places; None for `unknown`."""
    told = [values[place] for place in places]
    return [None if value is unknown else value for value in told]


def fits(values: list[Value], kinds: tuple[frozenset[type], ...], /) -> bool:
    """Whether the type of each value is among the kinds at its place."""
    return all(map(frozenset.__contains__, kinds, map(type, values)))


_PLAIN: Final = frozenset({bool, int, float, str, type(None)})


def is_plain(values: Sequence[Any], /) -> bool:
    """Whether JSON has a list or tuple as it is: true, false, null, ints, texts, and finite floats only."""
    return (
        type(values) in (list, tuple)
        and _PLAIN.issuperset(map(type, values))
        and all(map(isfinite, [value for value in values if type(value) is float]))
    )


def columns(
    tables: tuple[dict[Any, int], ...],
    raw: Sequence[Any],
    places: tuple[int, ...],
    found: Indexes,
    /,
) -> None:
    """Writes to `found` what each table has for the raw value at its place, an index."""
    found[: len(tables)] = [table[raw[place]] for table, place in zip(tables, places, strict=True)]


_NUMBERS: Final = frozenset({int, float, type(None)})


def numbers(raw: Sequence[Any], places: tuple[int, ...], found: Vector, /) -> bool:
    """Writes the numbers at these places to `found`, NaN for None.

    False if one is neither a float nor an int that a float can hold; then `found` may hold anything.
    """
    told = [raw[place] for place in places]
    if not _NUMBERS.issuperset(map(type, told)):
        return False
    try:
        found[: len(told)] = told
    except OverflowError:
        return False
    return True
