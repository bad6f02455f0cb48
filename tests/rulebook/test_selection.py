"""The generated selection says the same as reading the book one action at a time."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import UNKNOWN, Micros, PlacementId, Value
from engine.rulebook.book import RuleBook, Truth
from engine.rulebook.times import moment_of
from tests.rulebook.builders import action, book

HERO = PlacementId("web.hero")


def treatment(name: str, **keys: Any) -> dict[str, Any]:
    texts = {"headline": name} if keys.get("placement") != "ivr.prompt" else {"prompt": name}
    return {"id": name, "placement": "web.hero", "texts": texts, **keys}


def made() -> RuleBook:
    """Actions of all shapes: dates, several treatments, own and shared conditions, needs."""
    named = {"texts": {"headline": "{customer.name}"}}
    older = {"eligible_when": {"old": "customer.age > 60"}}
    dates = {"valid": {"from": "2026-01-01", "to": "2026-06-30"}}
    return book(
        actions=[
            action("plain"),
            action("dated", **dates),
            action("dated_too", **dates, **older),
            action("starts", valid={"from": "2026-03-01"}, group="save"),
            action("ends", valid={"to": "2026-03-01"}, opt_out=["consent"]),
            action("free", opt_out=["consent"]),
            action(
                "choice",
                **older,
                treatments=[
                    treatment("choice.named", **named),
                    treatment("choice.young", when="customer.age < 70"),
                    treatment("choice.ivr", placement="ivr.prompt"),
                    treatment("choice.always"),
                    treatment("choice.never_reached"),
                ],
            ),
            action("last_resort", treatments=[treatment("last.named", **named)], group="save"),
        ]
        + [action(f"more{n}", eligible_when={"age": f"customer.age * 2 > {n}"}) for n in range(250)]
    )


BOOK = made()


def selected(
    book: RuleBook,
    placement: PlacementId,
    truths: Sequence[Truth],
    values: Sequence[Value],
    now: Micros,
) -> list[int]:
    """The definition, word by word."""
    found = []
    for one in book.actions:
        begin, end = one.valid
        if (begin is not None and now < begin) or (end is not None and now >= end):
            continue
        if not all(truths[c] is True for c in one.conditions):
            continue
        for index in one.treatments:
            shown = book.treatments[index]
            missing = any(values[n] is None or values[n] is UNKNOWN for n in shown.needs)
            passes = all(truths[c] is True for c in shown.conditions)
            fits = missing or shown.fits is None or shown.fits.misfit(values) is None
            if shown.placement == placement and passes and fits and not missing:
                found.append(index)
                break
    return found


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01", "2026-06-30", "2026-07-01"]),
    st.sampled_from([None, UNKNOWN, "Niamh", "", " ", "N" * 41, "Ni\namh", "Łukasz", "\u200b"]),
    st.sampled_from([1, 9]),
)  # fmt: skip
def test_what_is_generated_is_what_is_meant(random: Any, day: str, name: Value, trues: int) -> None:
    now = moment_of(day)
    assert now is not None
    truths: list[Truth] = [random.choice([False, None, *[True] * trues]) for _ in BOOK.conditions]
    values: list[Value] = [UNKNOWN] * len(BOOK.attributes)
    values[BOOK.index["customer.name"]] = name
    for placement in BOOK.placements:
        assert BOOK.select_for[placement](tuple(truths), values, now) == selected(
            BOOK, placement, truths, values, now
        )


def test_the_end_date_is_included() -> None:
    now = moment_of("2026-06-30T23:59:59.999999Z")
    assert now is not None
    truths = tuple(True for _ in BOOK.conditions)
    values: list[Value] = [None] * len(BOOK.attributes)
    ids = {BOOK.treatments[t].treatment_id for t in BOOK.select_for[HERO](truths, values, now)}
    assert "dated.web" in ids
    ids = {BOOK.treatments[t].treatment_id for t in BOOK.select_for[HERO](truths, values, now + 1)}
    assert "dated.web" not in ids


def test_a_placement_without_treatments_shows_nothing() -> None:
    empty = book(actions=[action("a")])
    assert empty.select_for[PlacementId("ivr.prompt")]((True,) * 9, [], 0) == []
    assert empty.placements[PlacementId("ivr.prompt")].treatments == ()


@pytest.mark.parametrize("truth", [False, None])
def test_only_what_is_definitely_true_passes(truth: Truth) -> None:
    one = book(actions=[action("a")])
    assert one.select_for[HERO]((True,) * len(one.conditions), [], 0) == [0]
    assert one.select_for[HERO]((truth,) * len(one.conditions), [], 0) == []
