"""Prints what is offered as it comes, until it is killed: `python -m tests.edges.offers.watcher RULES DATA`."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from engine.engine import open_engine
from engine.settings import Settings


async def watch(rules: Path, data: Path) -> None:
    """One id of a message on a line."""
    settings = Settings(rules=rules, data=data, watch=False)
    async with open_engine(settings) as engine, aclosing(engine.offers(0)) as offers:
        async for left in offers:
            sys.stdout.write(f"{left.message.message_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(watch(Path(sys.argv[1]), Path(sys.argv[2])))
