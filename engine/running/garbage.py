"""Garbage: nothing that lives long is looked at twice, so that collecting never holds up an answer.

Python's collector now and then walks through every object there is; with a hundred thousand customers
in memory that stops the process for a good part of a second. So every few seconds the young objects are
collected, and what is left is put where the collector does not look. What is there is still freed when
nobody refers to it any more; only cycles that outlive those seconds would stay. They are looked for
when nobody has asked for anything for a while.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

EVERY: Final = 5.0
"""Seconds between two roundings-up."""

QUIET: Final = 24
"""Roundings-up in a row without a call after which all objects are looked through once."""

_YOUNG, _MIDDLE, _NEVER = 20_000, 1_000, 1_000_000


async def tend(calls: Callable[[], int]) -> None:
    """Takes over from the collector until cancelled. `calls` counts the calls answered so far."""
    before, thresholds = calls(), gc.get_threshold()
    idle = 0
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    try:
        while True:
            gc.collect(1)
            gc.freeze()
            await asyncio.sleep(EVERY)
            now = calls()
            idle = idle + 1 if now == before else 0
            before = now
            if idle == QUIET:
                gc.unfreeze()
                gc.collect()
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
