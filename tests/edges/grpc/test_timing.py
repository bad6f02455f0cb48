"""Which decisions the log is told of, and what it is told."""

import structlog

from engine.edges.grpc.timing import AT_MOST_EVERY, Timing
from engine.model import Degradation, Step
from engine.settings import Settings
from engine.stages import STAGES
from engine.stopwatch import Stopwatch
from engine.telemetry import Metrics
from tests.builders import decide, question
from tests.rulebook.builders import book


def told(count, took=0.001, apart=1.0, **chosen):
    """The log's lines on so many decisions, `took` seconds each, `apart` seconds one after the other."""
    watch, metrics = Stopwatch(), Metrics()
    timing = Timing(watch, metrics, Settings.of({}, **chosen))
    decision = decide(book(), question())
    decision.degraded = (Degradation(Step.CAPS, "Redis is away"),)
    watch.decision_id = decision.decision_id
    with structlog.testing.capture_logs() as lines:
        for number in range(count):
            now = number * apart
            timing.note(decision, now, now, now + took)
    return lines


def test_a_share_of_decisions_is_told_of():
    lines = told(1_000, trace_share=0.01, trace_slower=0.0)
    assert len(lines) == 10
    assert {line["event"] for line in lines} == {"decision.trace"}
    assert {line["why"] for line in lines} == {"sampled"}


def test_at_first_only_slow_ones_are():
    assert told(1_000) == []
    assert [line["why"] for line in told(2, took=2.0)] == ["slow", "slow"]


def test_of_many_slow_ones_only_some_are_and_how_many_were_left_out():
    lines = told(9, took=0.02, apart=AT_MOST_EVERY / 3.5, trace_slower=0.01)
    assert [line["untold"] for line in lines] == [0, 3, 3]


def test_a_line_has_stages_and_counts_and_nothing_of_the_customer():
    [line] = told(1, trace_share=1.0)
    assert set(line["us"]) == set(STAGES)
    assert (line["eligible"], line["candidates"], line["offers"]) == (2, 2, 2)
    assert line["degraded"] == ["caps: Redis is away"]
    assert "anna" not in str(line)


def test_one_answered_from_the_log_is_not_counted():
    metrics = Metrics()
    timing = Timing(Stopwatch(), metrics, Settings())
    timing.note(decide(book(), question()), 0.0, 0.0, 1.0)
    assert not [s for m in metrics.collect() for s in m.samples if "stage" in s.name]
