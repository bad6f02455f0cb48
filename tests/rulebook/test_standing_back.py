"""Standing back: what a process takes of a core while it does, and that nothing of it is left behind."""

import json
import subprocess
import sys

import pytest

from engine.rulebook.standing_back import AT_FIRST, MANY, SHARE

PROGRAM = """
import json, os, signal, sys, time
import engine.rulebook.standing_back as it
it.cores = lambda: float(sys.argv[1])
it.AT_FIRST = float(sys.argv[2])
before, rested, sleep = os.nice(0), [], time.sleep
it.time.sleep = lambda seconds: (rested.append(seconds), sleep(min(seconds, 0.001)))
with it.standing_back():
    used = time.process_time()
    while time.process_time() < used + 0.2:
        pass
after = len(rested)
while time.process_time() < used + 0.25:
    pass
timer, _ = signal.getitimer(signal.ITIMER_REAL)
print(json.dumps({
    "nicer": os.nice(0) - before, "rested": sum(rested), "rests": after,
    "rests_after": len(rested) - after, "timer": timer,
}))
"""


def stood_back(cores: float, at_first: float = 0.0) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cores), str(at_first)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("cores", [0.5, 2, MANY - 1])
def test_where_cores_are_few_it_rests_three_times_as_long_as_it_computes(cores: float) -> None:
    found = stood_back(cores)
    assert found["rests"] > 10
    assert found["rested"] == pytest.approx(0.2 * (1 / SHARE - 1), rel=0.2)
    assert found["nicer"] > 0


def test_where_there_are_many_it_does_not() -> None:
    found = stood_back(MANY)
    assert found["rests"] == 0
    assert found["nicer"] > 0


def test_what_takes_little_does_not_rest() -> None:
    assert stood_back(2, at_first=100 * AT_FIRST)["rests"] == 0


def test_nothing_is_left_behind() -> None:
    found = stood_back(2)
    assert found["rests_after"] == 0
    assert found["timer"] == 0.0
