"""What the commands of a cluster say where they cannot work; with brokers: tests/cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.worker import require_cluster
from engine.edges.journal.database import DataDirectory
from engine.edges.kafka.topics import Size
from engine.edges.redis.address import RedisAddress
from engine.edges.stream.worker import WorkerSettings
from engine.errors import InvalidInput


def test_a_worker_is_told_where_to_work() -> None:
    settings = WorkerSettings.of("kafka://a:1,b:2", "redis://c", "shop", Size(8, 3))
    assert str(settings.brokers) == "a:1,b:2"
    assert settings.state == RedisAddress("c")
    assert settings.topics.events == "shop.events"


@pytest.mark.parametrize(
    ("stream", "state", "field"),
    [
        ("a:1", "redis://c", "stream"),
        ("kafka://", "redis://c", "stream"),
        ("kafka://a", "redis://c", "stream"),
        ("kafka://a:1", "c:6379", "state"),
    ],
)
def test_what_is_no_url_is_named(stream: str, state: str, field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field}: this is no URL of"):
        WorkerSettings.of(stream, state, "shop", Size())


def test_packages_that_are_loaded_already_are_there() -> None:
    require_cluster()


@pytest.mark.parametrize("name", ["", "a shop", "-shop", "x" * 201, "läden"])
def test_a_name_kafka_does_not_take_is_told_before_anything_is_waited_for(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"name: .* is no name"):
        WorkerSettings.of("kafka://a:1", "redis://c", name, Size())


def test_where_metrics_cannot_be_is_named() -> None:
    with pytest.raises(InvalidInput, match="metrics: '9100' is no HOST:PORT"):
        WorkerSettings.of("kafka://a:1", "redis://c", "shop", Size(), "9100")


def worker(*options: str | Path) -> "subprocess.CompletedProcess[str]":
    """A worker whose Kafka is away, which it would wait for if nothing else were wrong."""
    command = [sys.executable, "-m", "engine", "worker", "--stream", "kafka://127.0.0.1:1"]
    command += ["--state", "redis://127.0.0.1:1", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_worker_without_its_rule_book_ends_at_once_and_names_it() -> None:
    ran = worker("--rules", "/nonexistent")
    assert ran.returncode == 1
    assert ran.stderr == "attune: rules: /nonexistent is no directory: name that of a rule book\n"


def test_a_worker_whose_data_cannot_be_used_ends_at_once_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = worker("--rules", "rules/bank", "--data", tmp_path / "file")
    assert (ran.returncode, ran.stderr.split(":")[1]) == (1, f" {tmp_path}/file is a file")
    ours = DataDirectory(tmp_path / "data")
    ran = worker("--rules", "rules/bank", "--data", ours.path)
    ours.close()
    assert ran.returncode == 1
    assert f"{ours.path} is in use by process {os.getpid()}" in ran.stderr


def test_a_kafka_that_is_not_there_is_one_clear_line() -> None:
    command = [
        sys.executable,
        "-m",
        "engine",
        "dead-letter",
        "list",
        "--stream",
        "kafka://127.0.0.1:1",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        "attune: attune.dead-letters cannot be read from Kafka at 127.0.0.1:1"
    )
    assert "Traceback" not in ran.stderr
