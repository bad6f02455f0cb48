"""Whatever Python code the compiled functions run may change what they are at: that is no crash.

In a process of its own, since it is one that is looked for; freed memory is written over there.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "engine.native.core", reason="engine/native/core.c is not compiled: tools/native.py says why"
)


def test_who_meddles_breaks_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.native.meddling"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONMALLOC": "debug"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("rows_made_so_far_are_looked_at")
