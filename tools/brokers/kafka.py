"""Kafka: one node of Apache Kafka in combined mode (broker and controller), without ZooKeeper."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tools.brokers import process
from tools.brokers.install import NotInstalled, jars, missing

_HEAP: Final = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
"""
_LOGGING: Final = """\
log4j.rootLogger=WARN, console
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c: %m%n
"""


class Kafka(process.Server):
    """A broker of its own on a free port; everything it keeps is in `directory`, also over another start.

    `properties` are added to those of its configuration, and take the place of what they repeat;
    `formatted` is said when its log is made, such as whom it knows.

    Raises `NotInstalled` where Java or the broker's jars are not to be had.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        properties: Mapping[str, str] = MappingProxyType({}),
        formatted: Sequence[str] = (),
    ) -> None:
        if missing(["java"]):
            raise NotInstalled("java not found: `make brokers-install` installs what is missing")
        port, controller = port or process.free_port(), process.free_port()
        config = _configured(directory, port, controller)
        with config.open("a") as more:
            more.writelines(f"{name}={value}\n" for name, value in properties.items())
        java = ["java", *_HEAP, f"-Dlog4j.configuration=file:{directory / 'log4j.properties'}"]
        java += ["-cp", f"{jars()}/*"]
        if not (_log(directory) / "meta.properties").exists():
            _format(java, config, formatted)
        self.bootstrap = f"{process.HOST}:{port}"
        super().__init__(
            f"kafka://{self.bootstrap}",
            [*java, "kafka.Kafka", str(config)],
            directory / "kafka.log",
            "Kafka Server started",
        )


def _configured(directory: Path, port: int, controller: int) -> Path:
    """Writes how the broker is to run; the file that says so."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "server.properties"
    logs = _log(directory)
    config.write_text(
        _PROPERTIES.format(host=process.HOST, port=port, controller=controller, logs=logs)
    )
    (directory / "log4j.properties").write_text(_LOGGING)
    return config


def _log(directory: Path) -> Path:
    return directory / "log"


def _format(java: list[str], config: Path, formatted: Sequence[str]) -> None:
    """Makes the directory of the log one that belongs to a cluster."""
    command = [*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(config)]
    command += formatted
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise process.NotStarted(f"Kafka's log could not be made: {done.stdout}{done.stderr}")


def _cluster_id() -> str:
    """A UUID as Kafka writes one; its first byte is 0, so that it never begins like an option."""
    return base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
