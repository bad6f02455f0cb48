"""How many cores there are: by affinity, and by what a container may use."""

import math
from pathlib import Path

import pytest

from engine.cores import cores


@pytest.mark.parametrize(
    ("affinity", "quota", "there_are"),
    [
        ({0}, None, 1),
        ({0, 3}, None, 2),
        ({0, 3}, "max 100000\n", 2),
        ({0, 3}, "150000 100000\n", 1.5),
        ({0}, "400000 100000\n", 1),
        ({0, 3}, "what?\n", 2),
        ({0, 3}, "", 2),
    ],
)
def test_there_are_as_many_as_both_allow(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    affinity: set[int],
    quota: str | None,
    there_are: float,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: affinity, raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert math.isclose(cores(tmp_path / "cpu.max"), there_are)
