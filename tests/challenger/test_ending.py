"""A book that nobody decides by any more is freed, a little at a time, by another thread, and without the collector."""

import asyncio
import gc
import sys
import threading
from pathlib import Path

import pytest

from engine.challenger.ending import let_go
from engine.decide import Decider
from engine.rulebook.load import load
from tests.builders import NOW
from tests.challenger.living import AB, World, by_everybody, planned
from tests.rulebook.builders import action, book, files


def test_a_book_that_was_let_go_is_freed():
    old = book(actions=[action(f"a{n}") for n in range(50)])
    first, last, decides = old.actions[0], old.actions[-1], old.conditions_of
    let_go(old)
    del old
    (freeing,) = [each for each in threading.enumerate() if each.name == "book"]
    freeing.join()
    assert sys.getrefcount(first) == sys.getrefcount(last) == 2
    assert not decides.__globals__


def deciders() -> int:
    return sum(isinstance(each, Decider) for each in gc.get_objects())


@pytest.mark.parametrize("share", [None, 0.5], ids=["shadow", "share"])
async def test_who_decided_beside_others_is_freed_without_the_collector(
    tmp_path: Path, share: float | None
) -> None:
    world = World(tmp_path)
    world.write(actions=AB)
    async with world.opened() as engine:
        gc.collect()
        gc.disable()
        try:
            before = deciders()
            for value in range(5, 9):
                plan = planned(world.write("autumn", actions=[action("c", value=value)]))
                await engine.challenge(
                    world.challenge(plan if share is None else plan.to_share(share, NOW))
                )
                champion = load(files(actions=[*AB, action("d", value=value)])).book
                assert champion
                await engine.adopt(champion, ())
                by_everybody(engine)
            await engine.challenge(None)
            await engine.finish()  # what was decided unseen is written
            await asyncio.sleep(0)
            assert deciders() <= before
        finally:
            gc.enable()
