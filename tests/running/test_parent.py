"""A service ends with the program that started it."""

import signal
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_who_was_left_behind_before_it_could_ask_ends_at_once() -> None:
    code = "from engine.running.parent import end_with; end_with(1 << 30); print('still there')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (-signal.SIGTERM, "")
