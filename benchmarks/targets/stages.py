"""The stages: what each costs at 20, 200 and 2,000 actions, beside the calibration loop and an earlier run.

pytest-benchmark times them and writes its JSON; what is compared is each median divided by that of the
calibration loop of the same run, so that runs of different days and machines can be.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

SUITE: Final = "benchmarks/test_stages.py"
_CALIBRATION: Final = "test_calibration"


class Stage(NamedTuple):
    """One stage at one size: seconds a piece, and how many calibration loops that is."""

    name: str
    seconds: float
    loops: float


def run(into: Path, step: Callable[[], None]) -> list[Stage]:
    """Times every stage and leaves pytest-benchmark's JSON in `into`. Takes about a minute.

    Raises:
        RuntimeError: the suite failed; the text ends with what it wrote.
    """
    words = [
        "-m",
        "pytest",
        SUITE,
        "--benchmark-enable",
        f"--benchmark-json={into}",
        "-p",
        "no:xdist",
    ]
    words += ["--benchmark-max-time=0.3", "--benchmark-min-rounds=5", "-v"]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as suite:
        said = []
        for line in suite.stdout or ():
            said.append(line)
            if "PASSED" in line:
                step()
    if suite.returncode:
        raise RuntimeError("".join(said[-40:]))
    return read(into)


def read(path: Path) -> list[Stage]:
    """The stages in a file of pytest-benchmark's. Raises ValueError if it has no calibration loop."""
    timed = {b["name"]: b["stats"]["median"] for b in json.loads(path.read_text())["benchmarks"]}
    unit = timed.pop(_CALIBRATION, None)
    if unit is None:
        raise ValueError(f"{path} has no {_CALIBRATION}: it is not of this suite, or too old")
    return [
        Stage(name.removeprefix("test_"), seconds, seconds / unit)
        for name, seconds in timed.items()
    ]


def compared(earlier: list[Stage], now: list[Stage]) -> list[tuple[Stage, float]]:
    """Each stage that both runs have, and by how much it takes longer now (1: the same)."""
    before = {stage.name: stage.loops for stage in earlier}
    return [(s, s.loops / before[s.name]) for s in now if s.name in before]
