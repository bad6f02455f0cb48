"""Which rows a filled text fits in, against the serving code's own answer."""

from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.comparison.fitting import fits
from engine.model import DAY, PlacementId, TreatmentId
from engine.rulebook.book import Attribute, Kind, Treatment, Type
from engine.rulebook.frames import column_of, series_of
from engine.rulebook.rendering import Hole, fitting, rendering

ATTRIBUTES = (
    Attribute(0, "n", Type(Kind.INT), nullable=True),
    Attribute(1, "x", Type(Kind.DOUBLE), nullable=True),
    Attribute(2, "word", Type(Kind.STRING), nullable=True),
    Attribute(3, "since", Type(Kind.TIMESTAMP), nullable=True),
    Attribute(4, "flag", Type(Kind.BOOL), nullable=True),
    Attribute(5, "tags", Type(Kind.LIST, Type(Kind.STRING)), nullable=True),
    Attribute(6, "lasts", Type(Kind.DURATION), nullable=True),
)
COLUMNS = tuple(map(column_of, ATTRIBUTES))
FORMATS = {
    Kind.INT: ("", "d", ",", "05d", ".1f", "g", "%"),
    Kind.DOUBLE: ("", ".0f", ".2f", ",.2f", "g", ".3g", ".1%", "+.1f", "08.2f", ".2", ",", "010"),
    Kind.STRING: ("", ".3"),
    Kind.TIMESTAMP: ("", "%d %B", "%A %H:%M", "%-d.%-m.%Y", "%p", " "),
    Kind.BOOL: ("",),
    Kind.LIST: ("",),
    Kind.DURATION: ("", "days", "hours"),
}


def a_value(random: Random, kind: Kind) -> Any:
    match kind:
        case Kind.INT:
            return random.choice((0, -1, 7, 10**6, -(10**9), 99_999))
        case Kind.DOUBLE:
            numbers = (0.0, -0.0, 3.14, 99.995, -1e6, 1e-7, float("nan"), float("inf"))
            return random.choice(numbers)
        case Kind.STRING:
            return random.choice(("", " ", "Ann", "Zoë", "a\nb", "\u200b", "a long name"))
        case Kind.TIMESTAMP:
            return random.randint(-20_000, 40_000) * DAY + random.randint(0, DAY)
        case Kind.BOOL:
            return random.random() < 0.5
        case Kind.LIST:
            return random.choice(((), ("a", "b"), ("a", " ")))
        case _:
            return random.randint(0, 500 * DAY)


def treatment(random: Random, holes: list[Hole], room: int) -> Treatment:
    parts: dict[str, tuple[str | Hole, ...]] = {"headline": ("Hi ", *holes)}
    return Treatment(
        index=0,
        treatment_id=TreatmentId("t"),
        action=0,
        placement=PlacementId("p"),
        conditions=(),
        texts={},
        needs=tuple(sorted({hole.index for hole in holes})),
        render=rendering(parts),
        fits=fitting(parts, {"headline": room + 3}),
    )


@pytest.mark.parametrize("seed", range(150))
def test_a_text_fits_where_serving_says_so(seed: int) -> None:
    random = Random(seed)
    chosen = random.sample(ATTRIBUTES, random.randint(1, 2))
    holes = [
        Hole(a.index, a.type.kind, random.choice(FORMATS[a.type.kind]), a.name) for a in chosen
    ]
    shown = treatment(random, holes, random.randint(1, 30))
    assert shown.fits is not None
    rows = [[a_value(random, a.type.kind) for a in ATTRIBUTES] for _ in range(60)]
    asked = np.array([random.random() < 0.8 for _ in rows])
    frame = pl.DataFrame(
        [
            series
            for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
            for series in series_of(column, values)
        ]
    )
    came = fits(shown, COLUMNS, frame, asked)
    wanted = [bool(ask) and shown.fits(row) for ask, row in zip(asked, rows, strict=True)]
    assert came.tolist() == wanted
