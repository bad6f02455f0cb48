"""A worker over TLS, with a user and a password, on a real Kafka and a real Redis that ask for both."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.edges.kafka.topics import Size, Topics, brokers_of, ensure
from engine.edges.redis.address import RedisAddress
from engine.edges.redis.connection import Connection
from engine.edges.stream.worker import WorkerSettings, at_work
from engine.errors import StorageError
from engine.model import SECOND, CustomerId
from tests.brokers import absent
from tests.cluster.workers import PARTITIONS, cluster_on
from tests.edges.grpc.certificates import self_signed
from tests.happenings import interaction
from tools.brokers.install import NotInstalled
from tools.brokers.kafka import Kafka
from tools.brokers.process import HOST, free_port
from tools.brokers.redis import Redis

PATIENCE = 100
ADA = CustomerId("ada")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("certificate"))


class GuardedKafka(Kafka):
    """A Kafka that others than itself reach by TLS and a password only; itself also by `bootstrap`."""

    def __init__(self, directory: Path, certificate: tuple[Path, Path]) -> None:
        plain, guarded, controller = free_port(), free_port(), free_port()
        cert, key = certificate
        store = cert.parent / "store.pem"
        store.write_text(key.read_text() + cert.read_text())
        login = "org.apache.kafka.common.security"
        at = f"PLAINTEXT://{HOST}:{plain},SASL_SSL://{HOST}:{guarded}"
        properties = {
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "listeners": f"{at},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": at,
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{login}.plain.PlainLoginModule required user_ada="a@b:c";',
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
        }
        known = ["--add-scram", "SCRAM-SHA-512=[name=eve,password=secret]"]
        super().__init__(directory, plain, properties, known)
        self.guarded = f"{HOST}:{guarded}"


class GuardedRedis(Redis):
    """A Redis that is also to be reached by TLS."""

    def __init__(self, directory: Path, certificate: tuple[Path, Path]) -> None:
        cert, key = map(str, certificate)
        port = free_port()
        options = ["--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key]
        options += ["--tls-ca-cert-file", cert, "--tls-auth-clients", "no"]
        super().__init__(directory, options=options)
        self.guarded = f"{HOST}:{port}"


@pytest.fixture(scope="module")
def kafka(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[GuardedKafka]:
    try:
        broker = GuardedKafka(tmp_path_factory.mktemp("kafka"), certificate)
    except NotInstalled as failure:
        absent(failure)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def redis(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[GuardedRedis]:
    try:
        server = GuardedRedis(tmp_path_factory.mktemp("redis"), certificate)
    except NotInstalled as failure:
        absent(failure)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("who", "mechanism"), [("ada:a%40b%3Ac", "PLAIN"), ("eve:secret", "SCRAM-SHA-512")]
)
async def test_a_worker_works_over_tls_and_with_a_password(
    kafka: GuardedKafka,
    redis: GuardedRedis,
    certificate: tuple[Path, Path],
    who: str,
    mechanism: str,
) -> None:
    ca = certificate[0]
    async with cluster_on(kafka, redis) as cluster:
        settings = WorkerSettings.of(
            f"kafka+ssl://{who}@{kafka.guarded}?mechanism={mechanism}&ca={ca}",
            f"rediss://{redis.guarded}?ca={ca}",
            cluster.topics.installation,
            Size(PARTITIONS),
        )
        async with asyncio.timeout(PATIENCE), at_work(settings):
            await cluster.send([interaction("e1", at=2 * SECOND)])
            await cluster.settled()
        assert len((await cluster.customers.load(ADA)).interactions) == 1


@pytest.mark.parametrize("who", ["ada:wrong@", "eve:a%40b%3Ac@", ""])
async def test_who_cannot_prove_it_is_turned_away(
    kafka: GuardedKafka, certificate: tuple[Path, Path], who: str
) -> None:
    address = brokers_of(f"kafka+ssl://{who}{kafka.guarded}?ca={certificate[0]}")
    with pytest.raises(StorageError, match=f"cannot be created at {kafka.guarded}"):
        await ensure(address, Topics("eve"), Size())


async def test_a_server_nobody_vouches_for_is_not_spoken_to(
    kafka: GuardedKafka, redis: GuardedRedis
) -> None:
    with pytest.raises(StorageError, match="cannot be created"):
        await ensure(brokers_of(f"kafka+ssl://ada:a%40b%3Ac@{kafka.guarded}"), Topics(), Size())
    connection = await Connection.open(RedisAddress.parse(f"rediss://{redis.guarded}"))
    assert not connection.is_up
    await connection.close()
