"""Native: what a decision does once for each offer, treatment and attribute, without the interpreter.

Three quarters of a decision's time is the interpreter's, spread over a hundred functions (docs/performance.md,
"The profile behind it"). The few that do the same small thing again and again are written twice: in C
(`core.c`), and in Python (`interpreted.py`, which says what they do), to the same bits. `make setup` compiles the
C where there is a compiler and Python's headers; where there are none, all works, a quarter slower.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from engine.model import Offer
from engine.native import interpreted

__all__ = ["IS_COMPILED", "VERSION", "native"]

VERSION: Final = 1
"""That of the compiled functions these modules expect: an older one that was left behind is not used."""


def _compiled() -> ModuleType | None:
    try:
        core = import_module("engine.native.core")
    except ImportError:
        return None
    if core.VERSION != VERSION:
        return None
    core.register(Offer)
    return core


_core = _compiled()

IS_COMPILED: Final = _core is not None
"""Whether the compiled ones are there."""

if TYPE_CHECKING:
    from engine.native import interpreted as native
else:
    native = _core or interpreted
    """The functions, the fastest there are."""
