"""A real Kafka and a real Redis for the tests of the cluster, started here and stopped by pid."""

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tools.brokers.install import NotInstalled
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that no other test run sees."""
    try:
        broker = Kafka(tmp_path_factory.mktemp("kafka"))
    except NotInstalled as failure:
        absent(failure)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server that no other test run sees."""
    try:
        server = Redis(tmp_path_factory.mktemp("redis"))
    except NotInstalled as failure:
        absent(failure)
    server.start()
    yield server
    server.stop()


def absent(failure: NotInstalled) -> NoReturn:
    """A failure where everything is tested, elsewhere a skip that says how to get it."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(failure))
    pytest.skip(f"the cluster is not tested: {failure}")
