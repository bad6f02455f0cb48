"""Stages: what each part of a decision took, counted."""

import math

from hypothesis import given
from hypothesis import strategies as st

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.model import DecisionId
from engine.stages import STAGE_BOUNDS, STAGES, StageTally
from engine.stopwatch import Stopwatch
from tests.builders import NOW, FixedModel, customer, question
from tests.rulebook.builders import book

seconds = st.floats(0.0, 10.0)


def test_the_stages_of_a_decision_are_what_lies_between_its_moments():
    watch = Stopwatch()
    watch.known, watch.ruled, watch.scored, watch.arbitrated, watch.recorded = (
        4.0,
        8.0,
        16.0,
        32.0,
        64.0,
    )
    took = dict(zip(STAGES, watch.took(1.0, 2.0, 128.0), strict=True))
    assert took == {
        "parse": 1.0, "profile": 2.0, "rules": 4.0, "score": 8.0, "arbitrate": 16.0, "record": 32.0,
        "encode": 64.0,
    }  # fmt: skip


@given(st.lists(st.tuples(*[seconds] * len(STAGES)), max_size=20))
def test_every_decision_counts_once_in_every_stage(decisions):
    tally = StageTally()
    for took in decisions:
        tally.note(took)
    for stage in range(len(STAGES)):
        *buckets, total = tally.row(stage)
        assert sum(buckets) == len(decisions)
        assert math.isclose(total, sum(took[stage] for took in decisions))
        below = sum(took[stage] <= STAGE_BOUNDS[0] for took in decisions)
        assert buckets[0] == below


def test_a_wait_is_counted_apart_from_the_stages():
    tally = StageTally()
    tally.waited(0.03)
    assert sum(tally.row(len(STAGES))[:-1]) == 1
    assert tally.row(len(STAGES))[-1] == 0.03
    assert not any(any(tally.row(stage)) for stage in range(len(STAGES)))


def moments(left):
    """The stopwatch after a decision with `left` seconds, by a clock that counts its readings."""
    ticks = iter(range(1000))
    rules = book()
    decider = Decider(rules, FixedModel(rules), lambda: float(next(ticks)))
    watch = Stopwatch()
    given_ = Circumstances(
        DecisionId("d1"), customer(), NOW, 1, Budget(left, lambda: 0.0), stopwatch=watch
    )
    decider.decide(question(), given_)
    return watch


def test_a_decider_notes_when_rules_and_model_had_their_say():
    watch = moments(left=1e9)
    assert 0.0 < watch.ruled < watch.scored


def test_without_time_for_rules_neither_took_any():
    watch = moments(left=0.0)
    assert watch.ruled == watch.scored == 0.0
