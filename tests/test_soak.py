"""The soak's verdict, apart from soaking."""

from collections.abc import Callable

import pytest

from benchmarks import floor
from benchmarks.soak import Watch, echoing, found
from engine.bench.run import Course
from engine.bench.tally import Tally
from engine.wire.decision_pb2 import DecideResponse

SECONDS = 60
MIB = 2**20


def run(
    latency: Callable[[int], float],
    held: Callable[[int], float],
    late: float = 0.0,
    echo: Callable[[int], float] = lambda _: 0.001,
) -> tuple[Watch, Tally]:
    """A minute of ten answers a second, each after `latency(second)`, holding `held(second)` MiB.

    An echo takes `echo(second)` seconds.
    """
    now, total = [0], Tally()
    watch = Watch(
        SECONDS, lambda: round(held(now[0]) * MIB), lambda: None, lambda: [echo(now[0])] * 10
    )
    for second in range(-2, SECONDS + 2):
        now[0] = second
        course = Course(lately=Tally())
        for _ in range(10 if 0 < second <= SECONDS else 0):
            for tally in (course.lately, total):
                tally.sent(late)
                tally.answered(DecideResponse(), latency(second))
        watch.note(course, float(second))
    return watch, total


def test_a_service_that_stays_as_it_is_passes():
    steady = found(*run(lambda _: 0.002, lambda _: 300.0), cpu=0.3)
    assert [one.verdict for one in steady.outcomes()] == ["pass", "pass"]
    assert steady.slower == pytest.approx(1.0)
    assert steady.to_dict()["server_cpu_us_a_question"] == pytest.approx(500)


def test_the_last_sixth_is_held_against_the_first():
    slower = found(*run(lambda second: 0.004 if second > 50 else 0.002, lambda _: 300.0), cpu=1.0)
    assert slower.slower == pytest.approx(2.0, rel=0.01)
    assert [one.verdict for one in slower.outcomes()] == ["short", "pass"]
    between = found(*run(lambda s: 0.009 if 10 < s <= 50 else 0.002, lambda _: 300.0), cpu=1.0)
    assert between.outcomes()[0].verdict == "pass"


def test_a_machine_that_slows_down_slows_the_echo_too():
    def twice(second: int) -> float:
        return 0.004 if second > 50 else 0.002

    both = found(*run(twice, lambda _: 300.0, echo=twice), cpu=1.0)
    assert both.slower == pytest.approx(1.0, rel=0.01)
    assert both.outcomes()[0].verdict == "pass"
    assert (
        "2.00 → 4.00 ms, 2.00 ×, the echo beside it 2.00 → 4.00 ms" in both.outcomes()[0].measured
    )
    quicker = found(
        *run(lambda _: 0.002, lambda _: 300.0, echo=lambda s: 0.006 - twice(s)), cpu=1.0
    )
    assert quicker.outcomes()[0].verdict == "short"


def test_memory_that_grows_behind_the_first_sixth_is_a_leak():
    leak = found(*run(lambda _: 0.002, lambda second: 300.0 + second / 10), cpu=1.0)
    assert leak.slope == pytest.approx(0.1 * MIB)
    assert leak.outcomes()[1].verdict == "short"
    settled = found(*run(lambda _: 0.002, lambda second: min(300.0 + 5 * second, 350.0)), cpu=1.0)
    assert settled.outcomes()[1].verdict == "pass"


def test_a_failed_call_fails_it():
    watch, total = run(lambda _: 0.002, lambda _: 300.0)
    total.failed("Decide", "UNAVAILABLE")
    assert found(watch, total, cpu=1.0).outcomes()[0].verdict == "short"


def test_a_generator_that_came_late_is_no_judge():
    busy = found(*run(lambda _: 0.002, lambda _: 300.0, late=0.1), cpu=1.0).outcomes()[0]
    assert (busy.verdict, busy.remark) == ("—", "not judged: sent 100 ms late")


def test_an_echo_is_asked_beside_it():
    with floor.server(["benchmarks.echo", 10]) as server, echoing(server.address) as lately:
        took: list[float] = []
        while not took:
            took += lately()
    assert all(0.0 < seconds < 10.0 for seconds in took)
