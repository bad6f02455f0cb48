"""Garbage: nothing that lives long is looked at twice, so that collecting never holds up an answer.

Python's collector now and then walks through every object there is; with a hundred thousand customers
in memory that stops the process for a good part of a second. So every few seconds, and whenever there are
many of them, the young objects are collected, and what is left is put where the collector does not look: a
new rule book, which is some hundred thousand objects, is never gone through as a whole. What is there is
still freed when nobody refers to it any more; only cycles that were in use at such a moment would stay. They
are looked for when nobody has asked for anything for a while.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Final

EVERY: Final = 5.0
"""Seconds between two roundings-up."""

QUIET: Final = 24
"""Roundings-up in a row without a call after which all objects are looked through once."""

_YOUNG, _MIDDLE, _NEVER = 10_000, 1_000, 1_000_000


async def tend(calls: Callable[[], int]) -> None:
    """Takes over from the collector until cancelled. `calls` counts the calls answered so far."""
    before, thresholds = calls(), gc.get_threshold()
    idle = 0
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    gc.callbacks.append(_put_away)
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
        gc.callbacks.remove(_put_away)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def put_away() -> None:
    """Has what is there now not be looked at, for who makes many objects that stay; nothing before `tend`."""
    if gc.get_threshold() == (_YOUNG, _MIDDLE, _NEVER):
        gc.freeze()


def _put_away(phase: str, info: Mapping[str, int]) -> None:
    """Has what a collection of the young left not looked at again; called by the collector."""
    if phase == "stop" and info["generation"] == 0:
        gc.freeze()
