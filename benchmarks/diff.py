"""`attune diff` over many customers: two books of N conditions, M customers, one process, timed from outside.

    python -m benchmarks.diff [--customers 1000000] [--actions 200] [--csv] [--format json]

The customers are a Parquet file, or CSV, of 26 attributes, drawn from one seed; the new book has other
edges in every tenth condition. Quoted are the seconds from start to end of the command (reading both
books included), the part of them spent on people, and the most memory it held.
"""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from rich.console import Console

from benchmarks import workloads


class Measured(NamedTuple):
    """What one run took, and found."""

    seconds: float
    gigabytes: float
    customers: int
    something_else: int


def main() -> None:
    """Writes books and customers, runs the command once, prints what it took."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        old = workloads.write_book(folder / "old", arguments.actions)
        new = moved_edges(old, folder / "new")
        people = write_customers(folder, arguments.customers, csv=arguments.csv)
        measured = run(old, new, people)
    if arguments.format == "json":
        print(json.dumps(measured._asdict()))
        return
    Console().print(
        f"{measured.customers:,} customers × {arguments.actions} conditions of each book:"
        f" {measured.seconds:.1f} s, at most {measured.gigabytes:.2f} GB;"
        f" something else for {measured.something_else:,}",
        highlight=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=200)
    parser.add_argument("--csv", action="store_true", help="a CSV file instead of Parquet")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def moved_edges(old: Path, new: Path) -> Path:
    """The same book with the first number of every tenth condition a little higher."""
    chance = random.Random(3)
    (new / "actions").mkdir(parents=True)
    for name in ("attributes.yaml", "policies.yaml"):
        (new / name).write_bytes((old / name).read_bytes())

    def moved(match: re.Match[str]) -> str:
        if chance.random() > 0.1:
            return match[0]
        return f"{match[1]}{float(match[2]) + 5:g}"

    text = (old / "actions/all.yaml").read_text()
    (new / "actions/all.yaml").write_text(re.sub(r"(usage\.n\d+ [<>]=? )([0-9.]+)", moved, text))
    return new


def write_customers(folder: Path, count: int, *, csv: bool) -> Path:
    """A file of customers with every attribute given."""
    rng = np.random.default_rng(2)
    columns: dict[str, object] = {"customer_id": [f"customer-{n}" for n in range(count)]}
    columns |= {
        f"usage.n{n}": np.round(100 * rng.random(count), 2) for n in range(workloads.NUMBERS)
    }
    columns["customer.age"] = rng.integers(18, 90, count)
    columns["customer.tenure_months"] = rng.integers(0, 300, count)
    columns["customer.segment"] = rng.choice(workloads.SEGMENTS, count)
    columns["telco.plan"] = rng.choice(workloads.PLANS, count)
    columns["customer.complaint_open"] = rng.random(count) < 0.1
    columns["consent.marketing"] = rng.random(count) < 0.9
    frame = pl.DataFrame(columns)
    path = folder / ("people.csv" if csv else "people.parquet")
    if csv:
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


def run(old: Path, new: Path, people: Path) -> Measured:
    """Runs the command once."""
    words = ["diff", old, new, "--customers", people, "--format", "json"]
    command = [sys.executable, "-m", "engine", *map(str, words)]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    found = json.loads(done.stdout)["people"]
    held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return Measured(seconds, held / 2**20, found["rows"], found["shown_something_else"])


if __name__ == "__main__":
    main()
