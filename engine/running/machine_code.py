"""Machine code: all loops that numba compiles, compiled or read in one go, before anybody waits for them."""

from engine.experts.binning.loops import binning_loops
from engine.experts.loops import expert_loops
from engine.kernels.loops import loops
from engine.learning.scaling.loops import scaling_loops


def read_machine_code() -> None:
    """Has every loop ready; takes a third of a second, on a new machine the seconds that compiling takes.

    Without numba there is nothing to do.
    """
    for ready in (loops, expert_loops, binning_loops, scaling_loops):
        ready()
