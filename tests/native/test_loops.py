"""The loops in C: numbers as in Python, and no crash whatever they are given.

That they answer as their twins on numpy do is shown beside those: `tests/kernels`, `tests/experts`,
`tests/learning/scaling`.
"""

import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.experts import rates
from engine.experts.binning import loops as binning
from engine.experts.panel import RULES
from engine.kernels import loops as kernels
from engine.learning import table
from engine.learning.scaling import loops as scaling

loops: Any = pytest.importorskip(
    "engine.native.loops", reason="engine/native/loops.c is not compiled: tools/native.py says why"
)

SOURCE = (Path(kernels.__file__).parents[1] / "native" / "loops.c").read_text()
NUMBERS = {
    kernels: ["DENSE", "LEAST"],
    scaling: ["LARGEST", "CLIP", "BIAS_VALUE", "OUTLIER", "SETTLED"],
    binning: ["MOST_BINS", "FEWEST", "SHARE"],
    rates: ["AGILITY", "LOYALTY", "BOUND", "RESTLESS", "SURELY", "RAREST", "IMAGINED"],
    table: ["LEARNING_RATE", "SMOOTHING"],
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in NUMBERS.items() for name in names]
)
def test_numbers_in_c_are_those_in_python(module: ModuleType, name: str) -> None:
    (written,) = re.findall(rf"#define {name} (.+)", SOURCE)
    assert eval(written, {"MOST_BINS": binning.MOST_BINS}) == getattr(module, name)


def test_unrest_in_c_is_that_in_python() -> None:
    (written,) = re.findall(r"UNREST\[\] = \{(.+)\};", SOURCE)
    assert eval(written) == rates.UNREST


def ints(*numbers: int) -> Any:
    return np.array(numbers, np.intp)


def ones(*shape: int) -> Any:
    return np.ones(shape)


def unaligned(count: int) -> Any:
    return np.ndarray(count, float, bytearray(8 * count + 1), 1)


NO = ints(), np.empty(0), np.empty(0), np.empty(0)
SCORE = (ints(0), ones(1), ones(2, 3), 3, ints(0, 1), ints(1), ints(2), ints(0), 0.5, ones(1))
FILL = (ones(3), ints(0, 1, 2), 5.0, False, 7, *NO, 2)
EVIDENT = (
    *FILL[:5],
    ints(0, 1, 2),
    ones(3),
    ones(3),
    ones(3),
    *FILL[9:],
)
PLACES = np.array([[0, 1, 2, 3]])
SCALE = (ones(1), PLACES, ones(1, 7), 0.5, 1, ints(0, 0, 0), ones(3))
MEASURE = (ones(1), PLACES, ones(1, 7), math.inf)
SIZES, BINS = np.array([[1, 9]]), binning.MOST_BINS
FIND_BINS = (ones(1), ints(0), SIZES, ones(1, BINS - 1), np.zeros((1, BINS), int), ints(0))
FILL_BINS = (ones(1), ints(0), 9.0, SIZES, ones(1, BINS - 1), ones(1, BINS, 4), ints(0))
E, F = len(RULES), 3
HEAR = (
    ints(0),
    ones(1),
    ints(0, 1),
    ones(1, 2),
    ints(0),
    1.0,
    ones(1, 2 * E),
    ones(1, 2 * F),
    ones(E + 3),
    ones(E + 3),
)
LEARN = (
    *HEAR,
    0,
    1.0,
    -1.5,
    ones(1, 2),
    RULES,
    ones(2),
    ones(E + 5),
    ones(E + 5),
    ones(2, E + 2),
    ones(2, E + 2, E + 2),
)
RIGHT: dict[str, list[tuple[Any, ...]]] = {
    "score": [SCORE],
    "fill": [FILL, EVIDENT],
    "scale": [SCALE],
    "measure": [MEASURE],
    "find_bins": [FIND_BINS],
    "fill_bins": [FILL_BINS],
    "hear": [HEAR],
    "learn": [LEARN],
}
EVERY = [(name, asked) for name, each in RIGHT.items() for asked in each]


def copied(asked: tuple[Any, ...]) -> list[Any]:
    return [one.copy() if isinstance(one, np.ndarray) else one for one in asked]


def wrong(one: Any) -> list[Any]:
    """What is no argument like this one."""
    if not isinstance(one, np.ndarray):
        return [None, "1", object()]
    others = [None, one.tolist(), one.astype("f4"), one.astype(">f8"), one[None]]
    if one.ndim == 1 and len(one) and one.dtype == np.float64:
        others.append(unaligned(len(one)))
    if one.ndim == 1 and len(one) > 1:
        others.append(np.repeat(one, 2)[::2])
    return others


@pytest.mark.parametrize(("name", "asked"), EVERY, ids=[name for name, _ in EVERY])
def test_another_kind_of_argument_is_an_error(name: str, asked: tuple[Any, ...]) -> None:
    getattr(loops, name)(*copied(asked))
    with pytest.raises(TypeError):
        getattr(loops, name)(*copied(asked)[:-1])
    for at, one in enumerate(asked):
        for other in wrong(one):
            given = copied(asked)
            given[at] = other
            with pytest.raises((TypeError, ValueError)):
                getattr(loops, name)(*given)


@pytest.mark.parametrize(("name", "asked"), EVERY, ids=[name for name, _ in EVERY])
def test_no_index_leads_outside_and_no_array_is_too_short(
    name: str, asked: tuple[Any, ...]
) -> None:
    """Answers, or raises: under a sanitizer nothing is read or written that is not an argument's."""
    for at, one in enumerate(asked):
        if not isinstance(one, np.ndarray):
            continue
        longer = np.concatenate((one, one)) if one.size else np.ones(2, one.dtype)
        others = [longer, np.ascontiguousarray(one[:0])]
        if one.ndim > 1:
            others += [np.ascontiguousarray(one[..., :-1]), np.concatenate((one, one), axis=-1)]
        if one.dtype == np.intp:
            others += [one + 1_000_000, one - 1_000_000, one + 1]
        for other in others:
            given = copied(asked)
            given[at] = other
            try:
                getattr(loops, name)(*given)
            except (TypeError, ValueError, IndexError):
                continue


MISTAKES = [
    ("score", 0, ints(2)),
    ("score", 3, 4),
    ("score", 3, -1),
    ("score", 4, ints()),
    ("score", 4, ints(0, 3)),
    ("score", 5, ints(2)),
    ("score", 6, ints(-1)),
    ("score", 7, ints(1)),
    ("score", 9, ones(2)),
    ("fill", 1, ints(0)),
    ("fill", 4, -1),
    ("fill", 4, 2**64),
    ("fill", 9, 4),
    ("fill", 9, -1),
    ("scale", 1, np.array([[1, 1, 2, 3]])),
    ("scale", 1, np.array([[0, 1, 2]])),
    ("scale", 4, 0),
    ("scale", 4, 2**63 - 1),
    ("scale", 5, ints(0, 0)),
    ("measure", 1, np.array([[-1, 1, 2, 3]])),
    ("find_bins", 1, ints(1)),
    ("find_bins", 2, np.array([[BINS + 1, 9]])),
    ("find_bins", 5, ints()),
    ("fill_bins", 3, np.array([[1, 2**63 - 1]])),
    ("fill_bins", 6, ints()),
    ("fill_bins", 5, ones(1, BINS, 3)),
    ("hear", 0, ints(1)),
    ("hear", 2, ints(2)),
    ("hear", 2, ints()),
    ("hear", 4, ints(1)),
    ("hear", 8, ones(E)),
    ("learn", 10, 3),
    ("learn", 13, ones(1, 1)),
    ("learn", 14, RULES[:1].copy()),
    ("learn", 16, ones(E)),
    ("learn", 18, ones(3, E + 2)),
]


@pytest.mark.parametrize(("name", "at", "other"), MISTAKES)
def test_what_does_not_fit_is_an_error(name: str, at: int, other: Any) -> None:
    given = copied(RIGHT[name][0])
    given[at] = other
    with pytest.raises((ValueError, IndexError, OverflowError)):
        getattr(loops, name)(*given)


def test_by_evidence_every_candidate_has_some() -> None:
    for at, other in ((5, ints(0, 1)), (5, ints(0, 1, 3)), (6, ones(2)), (7, ones(2))):
        given = copied(EVIDENT)
        given[at] = other
        with pytest.raises((ValueError, IndexError)):
            loops.fill(*given)


WRITTEN = {
    "score": [9],
    "scale": [5, 6],
    "measure": [2],
    "find_bins": [5],
    "fill_bins": [3, 5, 6],
    "hear": [9],
    "learn": [3, 6, 7, 8, 13, 15, 16, 18, 19],
}


def test_what_is_written_to_may_be_written_to() -> None:
    for name, places in WRITTEN.items():
        for at in places:
            given = copied(RIGHT[name][0])
            given[at].flags.writeable = False
            with pytest.raises(TypeError):
                getattr(loops, name)(*given)


def in_one_piece(one: Any, other: Any, shared: int) -> list[Any]:
    """The two, of which the last element of the first and the first of the second are the same, if `shared`."""
    piece = np.empty(one.size + other.size)
    places = slice(one.size), slice(one.size - shared, one.size - shared + other.size)
    made = [
        piece[at].view(a.dtype).reshape(a.shape) for a, at in zip((one, other), places, strict=True)
    ]
    made[1][...] = other
    made[0][...] = one
    return made


@pytest.mark.parametrize(("name", "asked"), EVERY, ids=[name for name, _ in EVERY])
def test_what_is_written_to_shares_memory_with_nothing_else(
    name: str, asked: tuple[Any, ...]
) -> None:
    for at in WRITTEN.get(name, []):
        for other, one in enumerate(asked):
            if other == at or not isinstance(one, np.ndarray):
                continue
            for first, second in ((at, other), (other, at)):
                given = copied(asked)
                given[first], given[second] = in_one_piece(asked[first], asked[second], 0)
                getattr(loops, name)(*given)
                if one.size:
                    given[first], given[second] = in_one_piece(asked[first], asked[second], 1)
                    with pytest.raises(ValueError, match="shares memory"):
                        getattr(loops, name)(*given)


def test_no_python_code_says_which_number_an_argument_is() -> None:
    class Number(int):
        def __float__(self) -> float:
            raise AssertionError

        __index__ = __int__ = __float__  # type: ignore[assignment]

    class Real(float):
        __float__ = Number.__float__

    for other in (Number(1), Real(1.0)):
        given = copied(SCORE)
        given[8] = other
        loops.score(*given)
    for name, at in (("scale", 4), ("fill", 4), ("learn", 10)):
        given = copied(RIGHT[name][0])
        given[at] = Number(given[at])
        getattr(loops, name)(*given)
