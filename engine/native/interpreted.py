"""The functions of `engine.native` in Python: what they do, and what does it where nothing was compiled.

What is compiled takes no arguments by name, so neither do these.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from operator import attrgetter
from struct import Struct
from typing import Any, Final, TypeAlias

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

FIELDS: Final = tuple(Offer.__slots__)
"""An offer's fields, in the order by which `rows` numbers them."""


_TAGGED: Final = Struct("<BBBBdBdBdBd")
_RANK, _PRIORITY, _PROPENSITY, _VALUE, _PROBABILITY = 0x28, 0x31, 0x39, 0x41, 0x49  # tags
_MORE: Final = 0x80
NUMBERS: Final = _TAGGED.size
"""Bytes of an offer's numbers: its rank, a varint of always two bytes, and four doubles, each after its tag."""


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


@cache
def _getter(fields: bytes) -> Callable[[Offer], tuple[Any, ...]]:
    names = [FIELDS[field] for field in fields]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda offer: tuple(getattr(offer, name) for name in names)


def rows(offers: list[Offer], fields: bytes, /) -> list[tuple[Any, ...]]:
    """Of each offer these fields, by their place in `FIELDS`."""
    return list(map(_getter(fields), offers))


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
            _TAGGED.pack(
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


@cache
def _packing(count: int) -> Struct:
    """What writes so many indexes into an array, in half of the time that numpy takes."""
    return Struct(f"{count}n")


def weigh(
    treatments: list[int],
    action_of: Indexes,
    propensities: Vector,
    floors: Vector,
    product: Vector,
    ties: Indexes,
    by_propensity: bool,
    admitted: Indexes,
    priorities: Vector,
    /,
) -> int:
    """How many of `treatments` are admitted.

    Writes to the three rows of `admitted` the treatments, their actions and their places among
    equals, and to `priorities` their priorities; there must be room for all.

    Admitted is whose propensity reaches its floor and whose `product` (C · V · L) is a number.
    The priority is the product, times the propensity if `by_propensity`. `action_of` is over all
    treatments of the book, the other four over all its actions.
    """
    named = np.empty(len(treatments), np.intp)
    _packing(len(treatments)).pack_into(named.data, 0, *treatments)
    actions = action_of[named]
    keep = (propensities[actions] >= floors[actions]) & ~np.isnan(product[actions])
    named, actions = named[keep], actions[keep]
    count = len(actions)
    admitted[:, :count] = named, actions, ties[actions]
    priorities[:count] = product[actions]
    if by_propensity:
        priorities[:count] *= propensities[actions]
    return count


def slots(picks: list[tuple[int, float]], treatments: Indexes, /) -> list[Chosen]:
    """The filled slots, by the positions among `treatments` that were picked, in no bundle."""
    return [(treatments.item(place), probability, "") for place, probability in picks]


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
