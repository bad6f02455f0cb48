"""The outbox of one process, read from a position on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.edges.offers.box import OfferBox
from engine.errors import OutOfRange
from tests.builders import NOW
from tests.messages import message


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[OfferBox]:
    opened = OfferBox(tmp_path / "offers.db", asyncio.get_running_loop(), NOW)
    yield opened
    await asyncio.to_thread(opened.close)


async def read(box: OfferBox, position: int) -> list[int]:
    return [left.position async for left in box.follow(position, only_kept=True)]


async def test_positions_go_on_from_the_moment_the_file_was_made(box: OfferBox) -> None:
    assert await read(box, NOW) == []
    await box.publish([message("e1"), message("e2")])
    assert await read(box, 0) == [NOW + 1, NOW + 2]
    assert await read(box, NOW + 1) == [NOW + 2]
    assert await read(box, NOW + 2) == []


@pytest.mark.parametrize("only_kept", [True, False])
async def test_nobody_waits_behind_a_position_beyond_the_newest(
    box: OfferBox, only_kept: bool
) -> None:
    await box.publish([message("e1")])
    with pytest.raises(OutOfRange, match=f"position {NOW + 2} is beyond the newest, {NOW + 1}:"):
        await anext(box.follow(NOW + 2, only_kept=only_kept))
