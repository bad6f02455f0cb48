"""Python code that the compiled functions run and that meddles with what they are at; see test_meddling.py."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import numpy as np

from engine.model import Offer

import_module("engine.native")
core: Any = import_module("engine.native.core")

ONES, INDEXES = np.ones(3), np.arange(3)
MANY = 77
"""A length that nothing else has."""


def offer(**fields: Any) -> Offer:
    made: dict[str, Any] = {
        "action_id": "action",
        "treatment_id": "treatment",
        "issue": "",
        "group": "",
        "rank": 1,
        "priority": 1.0,
        "propensity": 0.5,
        "value": 2.0,
        "probability": 0.25,
        "content": {"x": "y"},
        "bundle": "bundle",
    }
    return Offer(**made | fields)


def fresh(text: str) -> str:
    """A text that nobody else holds."""
    return "".join([text, "!"])


@contextmanager
def whenever_garbage_is_collected(meddle: Callable[[], object]) -> Iterator[None]:
    """Has this called by as many calls of the C API as may be (before Python 3.12: whatever makes an object)."""

    def called(phase: str, _: Any) -> None:
        if phase == "start":
            meddle()

    usual = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(called)
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(called)


def look_around() -> None:
    """Takes an item out of every list and tuple of this length that the garbage collector knows."""
    for found in gc.get_objects():
        if type(found) in (list, tuple) and len(found) == MANY:
            repr(found[MANY - 1])


def chosen_are_cleared_while_texts_are_filled_in() -> None:
    chosen = [(0, float(n) + 0.5, fresh("bundle")) for n in range(3)]

    def render(_: Any) -> dict[str, str]:
        chosen.clear()
        return {}

    (made,) = core.offers(
        chosen, (("a", "t", "i", "g", None, render),), (0,), ONES, ONES, None, True, []
    )
    assert (made.probability, made.bundle) == (0.5, "bundle!")


def become_a_number(array: Any) -> None:
    """Leaves it without a dimension, in memory of its own."""
    array.__setstate__((1, (), array.dtype, False, bytes(8)))


def a_column_becomes_a_number_while_texts_are_filled_in() -> None:
    for place in range(3):
        columns = [np.ones(1) for _ in range(3)]

        def render(_: Any, column: Any = columns[place]) -> dict[str, str]:
            become_a_number(column)
            return {}

        cards: tuple[Any, ...] = (("a", "t", "i", "g", None, render),)
        try:
            made = core.offers([(0, 0.5, "")] * 2, cards, (0,), *columns, True, [])
        except TypeError:
            assert place == 0
        else:
            assert place
            assert len(made) == 2


def treatments_become_a_number_while_slots_are_made() -> None:
    picks = [(0, n + 0.5) for n in range(9)]
    for turns in range(40):
        treatments, left = np.arange(1), iter(range(turns))

        def meddle(left: Iterator[int] = left, treatments: Any = treatments) -> None:
            if next(left, None) is None:
                become_a_number(treatments)

        with suppress(TypeError), whenever_garbage_is_collected(meddle):
            core.slots(picks, treatments)


def chosen_are_cleared_while_an_offer_is_made() -> None:
    for turns in range(4):
        chosen = [(0, float(n) + 0.5, fresh("bundle")) for n in range(9)]
        left = iter(range(turns))

        def meddle(left: Iterator[int] = left, chosen: list[Any] = chosen) -> None:
            if next(left, None) is None:
                chosen.clear()

        with whenever_garbage_is_collected(meddle):
            cards: tuple[Any, ...] = (("a", "t", "i", "g", {}, None),)
            made = core.offers(chosen, cards, (0,), ONES, ONES, None, True, [])
        assert {one.bundle for one in made} <= {"bundle!"}


def offers_are_cleared_while_rows_are_made() -> None:
    offers = [offer() for _ in range(5)]
    with whenever_garbage_is_collected(offers.clear):
        core.rows(offers, bytes(range(12)), None)


def picks_are_cleared_while_slots_are_made() -> None:
    picks = [(n % 3, n + 0.5) for n in range(5)]
    with whenever_garbage_is_collected(picks.clear):
        core.slots(picks, INDEXES)


def offers_are_cleared_by_what_writes_them() -> None:
    offers = [offer()]

    def head(_: Offer) -> bytes:
        offers.clear()
        return b"head"

    core.offer_bytes(offers, {}, "place", head)


def an_offer_is_replaced_by_what_writes_another() -> None:
    offers: list[Any] = [offer(treatment_id=name) for name in "ab"]

    def head(_: Offer) -> bytes:
        offers[0] = b"no offer"
        return b"head"

    core.offer_bytes(offers, {}, "place", head)


def a_treatment_is_renamed_by_what_writes_it() -> None:
    kept: dict[str, Any] = {}

    def head(one: Offer) -> bytes:
        one.treatment_id = one.content = one.bundle = "other"  # type: ignore[assignment]
        return b"head"

    core.offer_bytes([offer(treatment_id=fresh("t"), bundle=fresh("b"))], kept, "place", head)
    assert kept == {"t!": ({"x": "y"}, "b!", b"head")}


def fields_are_deleted_by_what_writes_them() -> None:
    for name in Offer.__slots__:

        def head(one: Offer, name: str = name) -> bytes:
            delattr(one, name)
            return b"head"

        core.offer_bytes([offer()], {}, "place", head)


def what_is_kept_is_dropped_while_it_is_compared() -> None:
    kept: dict[str, Any] = {}

    class Bundle(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            kept.clear()
            return True

        def __hash__(self) -> int:
            return 1

    content = {"x": "y"}
    kept["treatment"] = content, Bundle("bundle"), bytes(range(50))
    written = core.offer_bytes([offer(content=content)], kept, "place", bytes)
    assert written.startswith(bytes(range(50)))


def offers_are_cleared_while_a_number_is_read() -> None:
    class Number:
        def __init__(self, offers: list[Offer]) -> None:
            self.offers = offers

        def __float__(self) -> float:
            self.offers.clear()
            return 1.0

    offers = [offer(treatment_id=name) for name in "abcd"]
    offers[0].priority = Number(offers)  # type: ignore[assignment]
    core.offer_bytes(offers, {}, "place", lambda _: b"head")


def a_treatment_cannot_say_whether_there_is_one() -> None:
    class Treatment(str):
        __slots__ = ()

        def __bool__(self) -> bool:
            raise ValueError(self)

    one = offer(treatment_id=Treatment("t"))
    kept = {"place": (one.content, one.bundle, b"head")}
    core.offer_bytes([one], kept, "place", bytes)


def values_are_cleared_while_their_types_are_looked_up() -> None:
    values: list[Any] = []

    class Kind(type):
        def __hash__(cls) -> int:
            values.clear()
            return hash(int)

        def __eq__(cls, other: object) -> bool:
            return True

    class Odd(metaclass=Kind):
        pass

    values += [Odd() for _ in range(4)]
    core.fits(values, (frozenset({int}),) * 4)


def what_was_looked_up_so_far_is_looked_at() -> None:
    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            look_around()
            return False

        def __hash__(self) -> int:
            return hash("name")

    core.lookup({Name("name"): 1}, ("name",) * MANY, (None,) * MANY)


def what_was_written_so_far_is_looked_at() -> None:
    def head(_: Offer) -> bytes:
        look_around()
        return b"head"

    core.offer_bytes([offer(treatment_id=str(n)) for n in range(MANY)], {}, "place", head)


def slots_made_so_far_are_looked_at() -> None:
    picks = [(0, 1.0)] * MANY
    with whenever_garbage_is_collected(look_around):
        core.slots(picks, INDEXES)


def rows_made_so_far_are_looked_at() -> None:
    offers = [offer()] * MANY
    with whenever_garbage_is_collected(look_around):
        core.rows(offers, bytes(range(12)), None)


CASES: tuple[Callable[[], None], ...] = (
    chosen_are_cleared_while_texts_are_filled_in,
    a_column_becomes_a_number_while_texts_are_filled_in,
    treatments_become_a_number_while_slots_are_made,
    chosen_are_cleared_while_an_offer_is_made,
    offers_are_cleared_while_rows_are_made,
    picks_are_cleared_while_slots_are_made,
    offers_are_cleared_by_what_writes_them,
    an_offer_is_replaced_by_what_writes_another,
    a_treatment_is_renamed_by_what_writes_it,
    fields_are_deleted_by_what_writes_them,
    what_is_kept_is_dropped_while_it_is_compared,
    offers_are_cleared_while_a_number_is_read,
    a_treatment_cannot_say_whether_there_is_one,
    values_are_cleared_while_their_types_are_looked_up,
    what_was_looked_up_so_far_is_looked_at,
    what_was_written_so_far_is_looked_at,
    slots_made_so_far_are_looked_at,
    rows_made_so_far_are_looked_at,
)


def main(names: list[str]) -> None:
    """Runs these cases, all without names, and says which; a TypeError or ValueError is an answer too."""
    for case in CASES:
        if not names or case.__name__ in names:
            sys.stdout.write(f"{case.__name__}\n")
            sys.stdout.flush()
            try:
                case()
            except (TypeError, ValueError) as error:
                sys.stdout.write(f"  {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
