"""Cold start: how long a service takes from its start to ready, with customers already on disk.

    python -m benchmarks.cold [--customers 1000000] [--actions 1000] [--starts 5] [--format json]

Writing a million customers takes minutes; it is done once, through the service, before anything is
timed. The page cache of the system is warm: what is measured is the service, not the disk.
"""

import argparse
import json
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

import grpc
from rich.console import Console
from rich.progress import track

from benchmarks import floor, workloads
from benchmarks.targets.process import resident_bytes
from engine.wire.customer_pb2 import PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub

_BATCH = 100


def measure(customers: int, actions: int, starts: int) -> dict[str, float]:
    """Seconds to ready, the median of so many starts, and the memory held then, in MiB."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", actions)
        command = ["engine", "serve", "--rules", book, "--data", folder / "data"]
        command += ["--listen", "127.0.0.1:0"]
        with floor.server(command) as service:
            _fill(service.address, customers)
        took, held = [], 0
        for _ in range(starts):
            begun = time.perf_counter()
            with floor.server(command) as service:
                took.append(time.perf_counter() - begun)
                held = resident_bytes(service.pid)
    return {"customers": customers, "seconds": median(took), "mebibytes": held / 2**20}


def _fill(address: str, customers: int) -> None:
    people = workloads.customers(customers, seed=9)
    with grpc.insecure_channel(address) as channel:
        put = CustomerServiceStub(channel).PutCustomers
        for _ in track(range(customers // _BATCH), "customers", console=Console(stderr=True)):
            put(PutCustomersRequest(customers=islice(people, _BATCH)))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=1_000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    found = measure(asked.customers, asked.actions, asked.starts)
    if asked.format == "json":
        print(json.dumps(found))
        return
    print(
        f"ready in {found['seconds']:.2f} s with {asked.customers:,} customers on disk,"
        f" {asked.actions:,} actions; {found['mebibytes']:,.0f} MiB resident"
    )


if __name__ == "__main__":
    main()
