"""A process of its own that makes offers under one cap as fast as it can, and writes each down.

`python -m tests.edges.caps.hammer URL SEED LIMIT OUT`: it says when it is ready and begins when it is told
a line; a line to OUT for every offer, flushed at once; it ends in order when its input does.
"""

import asyncio
import sys
from pathlib import Path

from tests.edges.caps.desk import capped, desk


async def hammer(url: str, seed: int, limit: int, out: Path) -> None:
    async with desk(url, capped(total=limit), seed) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        with out.open("a") as written:
            while not ended.done():
                if server.offers():
                    written.write("offer\n")
                    written.flush()
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(hammer(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
