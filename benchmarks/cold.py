"""Cold start: how long a service takes from its start to ready, with customers already on disk.

    python -m benchmarks.cold [--customers 1000000] [--actions 1000] [--starts 5] [--keep DIR] [--format json]

The customers are written once, before anything is timed, and kept in DIR for the next time; a million of
them takes a minute and 3 GB (see `benchmarks.filled`). The page cache of the system is warm: what is
measured is the service, not the disk.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.progress import Progress

from benchmarks import filled, floor
from benchmarks.targets.process import resident_bytes

KEPT: Final = Path(".benchmarks/cold")
CUSTOMERS: Final = 1_000_000
ACTIONS: Final = 1_000
STARTS: Final = 5


def steps(customers: int = CUSTOMERS, starts: int = STARTS) -> int:
    """How often `measure` steps on."""
    return filled.steps(customers) + starts


def measure(
    step: Callable[[], None],
    customers: int = CUSTOMERS,
    actions: int = ACTIONS,
    starts: int = STARTS,
    kept: Path = KEPT,
) -> dict[str, float]:
    """Seconds to ready, the median of so many starts, and the memory held then, in MiB."""
    folder = kept / f"{customers}-{actions}"
    filled.fill(folder, customers, actions, step)
    command = ["engine", "serve", "--rules", folder / "book", "--data", folder / "data"]
    command += ["--listen", "127.0.0.1:0"]
    took, held = [], 0
    for _ in range(starts):
        begun = time.perf_counter()
        with floor.server(command) as service:
            took.append(time.perf_counter() - begun)
            held = resident_bytes(service.pid)
        step()
    return {"customers": customers, "seconds": median(took), "mebibytes": held / 2**20}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--keep", type=Path, default=KEPT, metavar="DIR")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("customers, and starts", total=steps(asked.customers, asked.starts))
        try:
            found = measure(
                lambda: bar.advance(task), asked.customers, asked.actions, asked.starts, asked.keep
            )
        except filled.NoRoom as full:
            parser.error(f"{full}: keep them elsewhere (--keep DIR), or have fewer (--customers)")
    if asked.format == "json":
        print(json.dumps(found))
        return
    print(
        f"ready in {found['seconds']:.2f} s with {asked.customers:,} customers on disk,"
        f" {asked.actions:,} actions; {found['mebibytes']:,.0f} MiB resident"
    )


if __name__ == "__main__":
    main()
