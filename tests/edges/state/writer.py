"""A process to be killed: appends events as fast as it can and says which ones were acknowledged.

Usage: python -m tests.edges.state.writer DATA FIRST. Prints `<event number> <status>` for each event.
"""

import asyncio
import os
import sys
from pathlib import Path

from engine.edges.state.embedded import Embedded, Limits
from engine.model import Event
from tests.edges.state.tally import Tally, store_at
from tests.happenings import decision, exposure, interaction, response

WRITERS = 20
BATCH = 5


def numbered(number: int) -> Event:
    """Event `number` of a story in which every offer is seen, then clicked or accepted."""
    who = f"c{number % 50}"
    if number % 7 == 0:
        return interaction(f"e{number}", who, at=number)
    offer = exposure(f"d{number % 999}", f"a{number % 3}", at=number % 999, features=[number % 5])
    outcome, reward = (("impression", 0.0), ("click", 0.2), ("accept", 1.0))[number // 999 % 3]
    return response(
        f"e{number}", f"c{number % 999 % 50}", outcome=outcome, reward=reward, at=number, to=offer
    )


async def write(store: Embedded, first: int) -> None:
    number = first
    while True:
        batch = range(number, number + BATCH)
        statuses = await store.append([numbered(n) for n in batch])
        said = "".join(
            f"{n} {status}\n" for n, status in zip(batch, map(int, statuses), strict=True)
        )
        os.write(1, said.encode())
        store.record(decision(f"d{number}"))
        number += BATCH * WRITERS


async def main(data: Path, first: int) -> None:
    limits = Limits(
        customers=20, checkpoint_entries=150, checkpoint_seconds=None, slice_seconds=0.0
    )
    async with store_at(data, Tally(), limits) as store:
        await asyncio.gather(*(write(store, first + BATCH * n) for n in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
