"""What a lesson costs does not depend on how many actions there are: counted, not timed."""

import gc
import sys
import tracemalloc
from types import FrameType
from typing import Any

import pytest

from engine.experts.arrays import ARRAYS
from engine.experts.binning import plain as binning
from engine.learn import Learner
from engine.learning.loops import LessonLoops, lesson_loops
from engine.learning.scaling import plain as scaling
from engine.model import TrainingExample
from tests.lessons import SCHEMA, lesson, lessons

ALL_PLAIN = LessonLoops(scaling.PLAIN, binning.PLAIN, ARRAYS)


def learner_of(actions: int, loops: LessonLoops) -> Learner:
    """A learner with rows for so many actions, that has learned the same whatever their number."""
    learner = Learner(loops)
    learner.register(SCHEMA)
    for example in lessons(70):
        learner.learn_one(example)
    for n in range(actions):
        learner.table.add_row((f"action {n}", "web"))
    return learner


def calls(learner: Learner, example: TrainingExample) -> int:
    """How many functions are called, Python's and C's, to learn a lesson; what a collector calls is none of it."""
    count = 0

    def note(_: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()
    sys.setprofile(note)
    try:
        learner.learn_one(example)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def bytes_needed(learner: Learner, example: TrainingExample) -> int:
    """The most memory that is taken while a lesson is learned."""
    tracemalloc.start()
    try:
        learner.learn_one(example)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("loops", [lesson_loops(), ALL_PLAIN], ids=["fastest", "plain"])
@pytest.mark.parametrize("taught", [None, 0.0], ids=["label", "correction"])
def test_a_lesson_takes_as_many_steps_among_10_actions_as_among_2000(
    loops: LessonLoops, taught: float | None
) -> None:
    few, some, many = (learner_of(actions, loops) for actions in (10, 200, 2_000))
    example = lesson(taught=taught)
    assert calls(few, example) == calls(some, example) == calls(many, example)


@pytest.mark.parametrize("loops", [lesson_loops(), ALL_PLAIN], ids=["fastest", "plain"])
def test_a_lesson_copies_nothing_that_grows_with_the_actions(loops: LessonLoops) -> None:
    few, many = (learner_of(actions, loops) for actions in (10, 2_000))
    for learner in (few, many):
        learner.learn_one(lesson())
    assert bytes_needed(many, lesson()) < bytes_needed(few, lesson()) + 1_000
    assert bytes_needed(many, lesson()) < 40_000
