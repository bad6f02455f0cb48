"""Learn: all the loops of a lesson, as machine code where it was compiled."""

from typing import NamedTuple

from engine.experts.binning.loops import BinningLoops, binning_loops
from engine.experts.loops import ExpertLoops, expert_loops
from engine.learning.scaling.loops import ScalingLoops, scaling_loops


class LessonLoops(NamedTuple):
    """How numbers are scaled and put into bins, and how experts learn from them."""

    scaling: ScalingLoops
    binning: BinningLoops
    experts: ExpertLoops


def lesson_loops() -> LessonLoops:
    """The loops of this machine."""
    return LessonLoops(scaling_loops(), binning_loops(), expert_loops())
