"""A cluster of its own for a benchmark: a real Kafka and a real Redis on loopback, and a worker."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

from benchmarks.stream import running
from engine.wire.customer_pb2 import GetCustomerRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

_ONCE_A_SECOND: Final = ("--appendfsync", "everysec")
"""Redis brings to disk what it writes once a second, as an installation would have it, and not each time."""


@contextmanager
def clustered(scratch: Path, staleness: float) -> Iterator[list[object]]:
    """The options by which `attune serve` is a server of it; `staleness` as in `engine.settings`.

    Raises `NotInstalled` where there is no Kafka or no Redis.
    """
    kafka, redis = Kafka(scratch / "kafka"), Redis(scratch / "redis", options=_ONCE_A_SECOND)
    with running(kafka), running(redis), _set("ATTUNE_STALENESS", str(staleness)):
        options = ["--stream", f"kafka://{kafka.bootstrap}", "--state", redis.url]
        command = [sys.executable, "-m", "engine", "worker", *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as worker:
            try:
                yield [*options]
            finally:
                worker.terminate()


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """Has a variable of the environment a value, for the processes started meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def wait_for(channel: grpc.Channel, customers: Sequence[str]) -> None:
    """Returns once all these customers can be read back."""
    customer = CustomerServiceStub(channel).GetCustomer
    for customer_id in customers:
        while True:
            try:
                customer(GetCustomerRequest(customer_id=customer_id))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                time.sleep(0.05)
            else:
                break
