"""Memory: what a customer adds to a service that keeps them itself."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import grpc

from benchmarks import floor, workloads
from benchmarks.targets.process import resident_bytes
from benchmarks.targets.target import Outcome
from engine.wire.customer_pb2 import Customer, PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub

FIRST: Final = 5_000
THEN: Final = 25_000
_BATCH: Final = 100
STEPS: Final = (FIRST + THEN) // _BATCH


def outcome(step: Callable[[], None]) -> Outcome:
    """Bytes a customer of 26 attributes: the slope from the first thousands to the rest."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        book = workloads.write_book(folder / "book", 200)
        with (
            floor.attune(book, folder / "data") as service,
            grpc.insecure_channel(service.address) as channel,
        ):
            base = resident_bytes(service.pid)
            people = workloads.customers(FIRST + THEN, seed=9)
            put = CustomerServiceStub(channel).PutCustomers
            _put(put, people, FIRST, step)
            few = resident_bytes(service.pid)
            _put(put, people, THEN, step)
            bytes_each = (resident_bytes(service.pid) - few) / THEN
    told = f"{bytes_each:,.0f} B, base {base / 2**20:.0f} MiB"
    return Outcome(
        "memory a customer, embedded", "≤ 2,000 B on a stated base", told, bytes_each <= 2_000,
        bytes_each, "base: resident after start with 200 actions and 500 customers",
    )  # fmt: skip


def _put(
    put: Callable[[PutCustomersRequest], object],
    people: Iterator[Customer],
    count: int,
    step: Callable[[], None],
) -> None:
    for _ in range(count // _BATCH):
        put(PutCustomersRequest(customers=islice(people, _BATCH)))
        step()
