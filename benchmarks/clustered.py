"""A cluster of its own for a benchmark: a real Kafka and a real Redis on loopback, and a worker."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc

from benchmarks.stream import running
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.wire.customer_pb2 import GetCustomerRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis


@contextmanager
def clustered(scratch: Path, staleness: float) -> Iterator[list[object]]:
    """The options by which `attune serve` is a server of it; `staleness` as in `engine.settings`."""
    os.environ["ATTUNE_STALENESS"] = str(staleness)
    kafka, redis = Kafka(scratch / "kafka"), Redis(scratch / "redis")
    with running(kafka), running(redis):
        asyncio.run(_once_a_second(redis))
        options = ["--stream", f"kafka://{kafka.bootstrap}", "--state", redis.url]
        with subprocess.Popen([sys.executable, "-m", "engine", "worker", *options]) as worker:
            try:
                yield [*options]
            finally:
                worker.terminate()


async def _once_a_second(redis: Redis) -> None:
    """Has Redis bring to disk what it writes once a second, as an installation would, and not each time."""
    connection = await Connection.open(RedisAddress.parse(redis.url))
    await connection.ask("CONFIG", "SET", "appendfsync", "everysec")
    await connection.close()


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
