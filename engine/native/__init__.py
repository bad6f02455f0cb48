"""Native: what decisions and lessons do again and again, without the interpreter.

Three quarters of a decision's time is the interpreter's, spread over a hundred functions (docs/performance.md,
"The profile behind it"). What does the same small thing many times is written twice, in C and in Python, to the
same bits:

- once for each offer, treatment, attribute, frame and named tuple: `core.c`, and `interpreted.py`, which says what
  it does;
- once for every candidate of a decision and column of a lesson: `loops.c`, and on numpy beside the `loops.py` that
  say what each does (`engine.kernels`, `engine.experts`, `engine.experts.binning`, `engine.learning.scaling`).

`make setup` compiles the C where there is a compiler and Python's headers; where there are none all works, but a
decision takes four times as long.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from engine.grounds import Entered, Grounds
from engine.model import Contest, Offer
from engine.native import interpreted

__all__ = ["IS_COMPILED", "VERSION", "compiled", "native"]

VERSION: Final = 6
"""That of the compiled functions these modules expect: older ones that were left behind are not used."""


def _compiled(name: str) -> ModuleType | None:
    try:
        module = import_module(f"engine.native.{name}")
    except ImportError:
        return None
    return module if module.VERSION == VERSION else None


_core = _compiled("core")
if _core is not None:
    _core.register(Offer)
    for kind in (
        Contest,
        Entered,
        Grounds,
    ):  # which engine.model takes along, and so cannot ask for it
        _core.quick(kind)

compiled: Final = _compiled("loops")
"""The loops in C; None where they were not compiled."""

IS_COMPILED: Final = _core is not None and compiled is not None
"""Whether the compiled ones are there."""

if TYPE_CHECKING:
    from engine.native import interpreted as native
else:
    native = _core or interpreted
    """The functions, the fastest there are."""
