import asyncio

from engine.running.lag import EVERY, lag_watched


async def test_a_loop_that_is_held_up_shows_by_how_long():
    now = [0.0]
    with lag_watched(lambda: now[0]) as spread:
        now[0] = EVERY + 0.3
        while not spread.buckets()[0][-1][1]:
            await asyncio.sleep(EVERY)
            now[0] += EVERY
    buckets, total = spread.buckets()
    counted = dict(buckets)
    assert counted["+Inf"] >= 1
    assert counted["0.25"] < counted["+Inf"]
    assert total >= 0.3


async def test_afterwards_it_looks_no_more():
    with lag_watched(lambda: 0.0) as spread:
        pass
    await asyncio.sleep(1.5 * EVERY)
    assert spread.buckets()[0][-1] == ("+Inf", 0.0)
