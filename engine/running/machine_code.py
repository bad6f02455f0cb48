"""Machine code: all loops that numba compiles, compiled or read in one go, before anybody waits for them."""

import structlog

from engine.experts.binning.loops import binning_loops
from engine.experts.loops import expert_loops
from engine.kernels.loops import loops
from engine.learning.scaling.loops import scaling_loops
from engine.native import IS_COMPILED


def read_machine_code() -> None:
    """Has every loop ready; takes a third of a second, on a new machine the seconds that compiling takes.

    Without numba there is nothing to do. Where `engine.native` was not compiled the log says so.
    """
    if not IS_COMPILED:
        structlog.get_logger(__name__).info(
            "native.interpreted",
            message="engine/native/core.c is not compiled, decisions take a quarter longer: "
            "python tools/native.py compiles it",
        )
    for ready in (loops, expert_loops, binning_loops, scaling_loops):
        ready()
