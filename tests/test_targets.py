"""The table of targets: verdicts, comparisons and the page, apart from measuring."""

import json
from pathlib import Path

import pytest

from benchmarks.peers.contest import Timed
from benchmarks.targets.__main__ import markdown
from benchmarks.targets.page import page
from benchmarks.targets.stages import Stage, compared, read
from benchmarks.targets.target import Outcome, at_least, at_most, elsewhere
from benchmarks.targets.wire import Samples, outcomes


def test_a_figure_at_its_limit_passes_and_beyond_it_is_short() -> None:
    assert at_most("a", 1.5, 1.5).verdict == "pass"
    assert at_most("a", 1.501, 1.5).verdict == "short"
    assert at_least("a", 0.65, 0.65).verdict == "pass"
    assert at_least("a", 0.6, 0.65).verdict == "short"


def test_the_table_is_markdown_with_a_line_for_each() -> None:
    told = markdown([at_most("a", 1.0, 1.2), elsewhere("soak", "flat", "make soak")], "2 cores")
    assert told.splitlines() == [
        "Measured on: 2 cores.",
        "",
        "| what | target | measured | |",
        "|---|---|---|---|",
        "| a | ≤ 1.2 × | 1.00 × | pass |",
        "| soak (run separately: make soak) | flat |  | — |",
    ]


def test_what_is_measured_elsewhere_is_neither() -> None:
    soak = elsewhere("a soak", "≤ 1.2 ×", "attune bench")
    assert (soak.verdict, soak.remark) == ("—", "run separately: attune bench")


def test_ratios_are_of_rounds_beside_each_other_and_capacity_of_cpu_time() -> None:
    bare = Samples(p50=[1.0, 2.0, 4.0], p99=[1.0, 1.0, 1.0], cpu=2.0, asked=1000)
    decide = Samples(p50=[1.1, 2.2, 4.4], p99=[2.0, 2.0, 9.0], cpu=2.5, asked=1000)
    stream = Samples(p50=[0.5, 1.0, 2.0], p99=[1.0, 1.0, 1.0], cpu=1.0, asked=1000)
    found = outcomes({"echo": bare, "decide": decide, "stream": stream})
    assert [one.figure for one in found] == pytest.approx([1.1, 2.0, 0.5, 0.8, 2.0])
    assert [one.verdict for one in found] == ["pass", "short", "pass", "pass", "pass"]


def written(path: Path, **medians: float) -> Path:
    timed = [{"name": name, "stats": {"median": m}} for name, m in medians.items()]
    path.write_text(json.dumps({"benchmarks": timed}))
    return path


def test_stages_of_a_machine_twice_as_slow_compare_as_equal(tmp_path: Path) -> None:
    fast = written(tmp_path / "fast", test_calibration=1e-5, test_learn=2e-5, test_old=1e-5)
    slow = written(tmp_path / "slow", test_calibration=2e-5, test_learn=4e-5, test_new=1e-5)
    assert compared(read(fast), read(slow)) == [(Stage("learn", 4e-5, 2.0), 1.0)]
    assert compared(read(slow), read(fast)) == [(Stage("learn", 2e-5, 2.0), 1.0)]


def test_a_file_without_the_calibration_loop_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no test_calibration"):
        read(written(tmp_path / "old", test_learn=1e-5))


def test_the_page_stands_alone_and_shows_every_line_and_three_pictures() -> None:
    lines = [at_most("a < b", 1.0, 1.2), elsewhere("soak", "flat", "make soak"), Outcome("c", "")]
    samples = {"echo": Samples(every=[0.001, 0.002]), "decide": Samples(every=[0.002, 0.003])}
    stages = [Stage(f"learn[{n} actions]", n * 1e-6, 1.0) for n in (20, 200)]
    contests = [Timed("river", "scoring", 1e-5, 1e-3, 100.0, 30.0, None)]
    drawn = page(lines, samples, stages, contests, "2 cores")
    assert "a &lt; b" in drawn
    assert "run separately: make soak" in drawn
    assert drawn.count("<svg") == 3
    assert "src=" not in drawn
