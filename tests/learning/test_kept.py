"""A model that version 0.1.0 of November 2026 wrote, before lessons were learned by compiled loops."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from engine.learn import Learner
from tests.lessons import SCHEMA, lesson, taught_learner

KEPT = gzip.decompress((Path(__file__).parent / "kept/model-of-300-lessons.gz").read_bytes())
YOUNG = (22, False, "S", 20.0, "fee", ["web"])


def test_it_is_read_and_written_again_byte_for_byte() -> None:
    assert Learner.restore(KEPT).snapshot() == KEPT


def test_it_is_what_the_same_lessons_make_today() -> None:
    kept, today = Learner.restore(KEPT), taught_learner(300)
    assert list(kept.table.rows) == list(today.table.rows)
    for one, other in zip(kept.table.used(), today.table.used(), strict=True):
        assert one == pytest.approx(np.asarray(other), abs=1e-9)
    asked = (SCHEMA.digest, YOUNG, "bundle", "data", "web")
    assert kept.predict_one(*asked) == pytest.approx(today.predict_one(*asked), abs=1e-9)


def test_it_learns_on() -> None:
    kept, asked = Learner.restore(KEPT), (SCHEMA.digest, YOUNG, "bundle", "data", "web")
    before = kept.predict_one(*asked)
    for _ in range(20):
        kept.learn_one(lesson(YOUNG, 0.0))
    assert kept.predict_one(*asked) < before
    assert kept.version == 320
