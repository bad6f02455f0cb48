"""Records dropped calls until it is killed: `python -m tests.edges.offers.recorder RULES DATA`.

Prints the id of each third one once it is accepted.
"""

import asyncio
import sys
from pathlib import Path

from engine.engine import open_engine
from engine.model import CustomerId, EventId, IncomingEvent, Interaction, ProfileUpdate
from engine.settings import Settings
from tests.builders import ADULT

MOST = 100_000


async def record(rules: Path, data: Path) -> None:
    """Three calls a customer, one customer after the other."""
    settings = Settings(rules=rules, data=data, watch=False)
    async with open_engine(settings) as engine:
        for n in range(MOST):
            who = CustomerId(f"c{n}")
            now = engine._sources.now()
            await engine.put([ProfileUpdate(who, now, ADULT)])
            drops = [
                IncomingEvent(EventId(f"{who}.{at}"), who, now, Interaction("drop", "app"))
                for at in (1, 2, 3)
            ]
            await engine.record(drops)
            sys.stdout.write(f"{who}.3\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), Path(sys.argv[2])))
