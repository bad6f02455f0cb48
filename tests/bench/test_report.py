"""Reports are written, read back and compared."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.bench.compare import changes, unlike
from engine.bench.latencies import Latencies
from engine.bench.plan import Plan
from engine.bench.report import Report, read, report
from engine.bench.run import Course
from engine.bench.slo import judge, parse
from engine.errors import InvalidInput
from tests.bench.test_run import plan
from tests.bench.test_slo import tally


def reported(good: int, lost: int, seconds: float, **chosen: Any) -> Report:
    course = Course(total=tally(good, lost, seconds), busy=[0.2, 0.4])
    verdicts = judge(parse("p50=20ms,errors=5%"), course.total)
    asked = plan("127.0.0.1:1", **chosen)
    return report(asked, course, verdicts, "abc", datetime(2026, 1, 2, tzinfo=UTC))


def test_a_report_is_read_as_it_was_written(tmp_path: Path):
    written = reported(90, 10, 0.010)
    written.write(tmp_path / "r.json")
    assert read(tmp_path / "r.json") == written
    assert written.answered == 90
    assert written.rate == pytest.approx(90 / 1.5)
    assert written.latency_ms["p50"] == pytest.approx(10, rel=2e-3)
    assert [verdict["kept"] for verdict in written.slo] == [True, False]
    assert Latencies.decoded(written.histogram).count == 90
    assert written.busy == 0.4


def test_a_generator_that_was_late_or_had_no_cpu_left_is_told_from_one_that_kept_up():
    assert reported(10, 0, 0.01).kept_up
    slow = tally(10, 0)
    for _ in range(10):
        slow.sent(0.05)
    now = datetime.now(UTC)
    asked = plan("127.0.0.1:1")
    assert not report(asked, Course(total=slow), (), "abc", now).kept_up
    assert not report(asked, Course(total=tally(10, 0), busy=[0.97]), (), "abc", now).kept_up


def test_two_runs_are_compared_as_ratios_and_what_was_not_alike_is_said():
    earlier, now = reported(100, 0, 0.010), reported(50, 50, 0.020, rate=200.0, stream=True)
    by_name = {change.name: change for change in changes(earlier, now)}
    assert by_name["p99, ms"].ratio == pytest.approx(2, rel=5e-3)
    assert by_name["answers a second"].ratio == pytest.approx(0.5)
    assert (by_name["without an answer, %"].now, by_name["without an answer, %"].ratio) == (
        50,
        None,
    )
    assert unlike(earlier, now) == ["rate was 100.0, is 200.0", "stream was False, is True"]
    assert unlike(earlier, replace(earlier)) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"r\.json: is (no report|of format 9)"):
        read(tmp_path / "r.json")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "missing.json")


def test_a_plan_reaches_another_process_as_it_is():
    asked = plan("127.0.0.1:1", customers=("anna", "bert"))
    assert Plan.from_dict(asked.to_dict()) == asked
