import asyncio

from engine.edges.grpc.turns import Turns


async def test_a_turn_is_as_long_as_all_that_was_ready_in_it():
    now = [0.0]
    turns = Turns(lambda: now[0])

    def served() -> None:
        now[0] += 0.01

    loop = asyncio.get_running_loop()
    for _ in range(5):
        loop.call_soon(served)
    assert turns.begin(now[0]) == 0.0
    assert turns.begin(now[0] + 0.002) == 0.002
    assert turns.waiting() == 0.0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert round(turns.waiting(), 6) == 0.05


async def test_while_nobody_waits_nothing_is_left_to_anybody():
    turns = Turns(lambda: 0.0)
    turns.begin(-0.000_9)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert turns.waiting() == 0.0
