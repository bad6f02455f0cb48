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
from tests.cli.conftest import ROOT, Attune


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


WITHOUT_THE_EXTRA = """
import sys
from importlib.machinery import PathFinder

found = PathFinder.find_spec
gone = {"faust", "aiokafka", "hiredis"}
PathFinder.find_spec = lambda name, *rest: None if name.partition(".")[0] in gone else found(name, *rest)
sys.argv[0] = "attune"
from engine.cli import main
main()
"""
STREAM, STATE = ("--stream", "kafka://127.0.0.1:1"), ("--state", "redis://127.0.0.1:1")


@pytest.mark.parametrize(
    "words",
    [
        ("serve", *STREAM, *STATE),
        ("serve", *STREAM, *STATE, "--workers", "2"),
        ("worker", *STREAM, *STATE),
        ("dead-letter", "list", *STREAM),
        ("dead-letter", "replay", *STREAM),
        ("migrate", "--data", "nowhere", *STREAM, *STATE),
        ("weigh", *STATE),
    ],
    ids=" ".join,
)
def test_where_the_extra_is_missing_it_is_named(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA, *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == (
        "attune: this takes Kafka, Faust and Redis: pip install 'attune[cluster]'\n"
    )


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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_servers_do_not_begin_where_an_embedded_installation_is(
    tmp_path: Path, attune: Attune, workers: str
) -> None:
    (tmp_path / "journal.db").touch()
    ran = attune("serve", "--data", tmp_path, *STREAM, *STATE, "--workers", workers)
    assert ran.returncode == 1
    assert f"attune migrate --data {tmp_path}" in ran.stderr
    assert [left.name for left in tmp_path.iterdir()] == ["journal.db"]


@pytest.mark.parametrize("folder", [".", "server-1"])
def test_an_embedded_service_does_not_begin_where_a_server_of_a_cluster_is(
    tmp_path: Path, attune: Attune, folder: str
) -> None:
    for name in ("spool.db", "decisions.db", "token.key"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).touch()
    ran = attune("serve", "--data", tmp_path, "--listen", "127.0.0.1:0")
    assert ran.returncode == 1
    assert "is the directory of a cluster's server" in ran.stderr
    assert "with --stream and --state" in ran.stderr
