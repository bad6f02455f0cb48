"""`attune serve` with the real engine: ready, answering, gone; or told what is wrong."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import ROOT, Attune


@pytest.fixture
def served(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "engine", "serve", "--rules", "rules/telecom"),
            *("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_ready_line_names_the_port_and_the_rule_book_and_it_answers(
    served: "subprocess.Popen[str]", attune: Attune
) -> None:
    assert served.stdout is not None
    line = served.stdout.readline()
    ready = re.fullmatch(
        r"attune is ready on (127\.0\.0\.1:\d+) \(rule book [0-9a-f]{8}, \d+ actions\)\n", line
    )
    assert ready, line
    decided = attune("decide", "anna", "web.home_hero", "--explain", "--server", ready[1])
    assert decided.returncode == 0, decided.stderr
    assert "web.home_hero: who is out" in decided.stdout
    served.send_signal(signal.SIGTERM)
    assert served.wait(30) == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_waits_for_kafka_ends_when_it_is_asked_to(
    tmp_path: Path, sign: signal.Signals
) -> None:
    command = [sys.executable, "-m", "engine", "serve", "--listen", "127.0.0.1:0"]
    command += ["--stream", "kafka://127.0.0.1:1", "--state", "redis://127.0.0.1:1"]
    command += ["--rules", "rules/telecom", "--data", str(tmp_path / "data")]
    command += ["--metrics", "127.0.0.1:0", "--log-format", "json"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = next(json.loads(line)["url"] for line in process.stderr if '"metrics"' in line)
        assert any("cluster.waiting" in line for line in process.stderr)
        with urllib.request.urlopen(url.replace("/metrics", "/live")) as live:
            assert live.status == 200
        with pytest.raises(HTTPError, match="503") as unready:
            urllib.request.urlopen(url.replace("/metrics", "/ready"))
        unready.value.close()
        process.send_signal(sign)
        try:
            assert process.wait(20) == 0
            assert "stopped before the start was done" in process.stderr.read()
        finally:
            process.kill()


def test_a_broken_rule_book_is_told_mistake_by_mistake(tmp_path: Path, attune: Attune) -> None:
    rules = tmp_path / "rules"
    (rules / "actions").mkdir(parents=True)
    (rules / "policies.yaml").write_text("isues: {}\nmodels: {default: {}, other: {group: save}}\n")
    (rules / "attributes.yaml").write_text("attributes: {}\n")
    (rules / "actions" / "all.yaml").write_text("actions: []\n")
    ran = attune("serve", "--rules", rules, "--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    assert ran.returncode == 1
    assert ran.stdout == ""
    first, *mistakes = ran.stderr.splitlines()
    assert first == "attune: the rule book has mistakes; nothing was started"
    assert any(line.startswith(f"{rules}/policies.yaml:1:1: unknown key") for line in mistakes)
    assert all(line.startswith(f"{rules}/") for line in mistakes)
    assert "not enforced yet" not in ran.stderr


def test_where_there_is_no_rule_book_the_directory_is_named(tmp_path: Path, attune: Attune) -> None:
    ran = attune("serve", "--rules", tmp_path / "nope", "--data", tmp_path / "data")
    assert ran.returncode == 1
    assert ran.stderr == (
        f"attune: rules: there is no rule book at {tmp_path}/nope;"
        " name its directory with --rules DIR\n"
    )
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_listened_on_is_one_line(tmp_path: Path, attune: Attune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        taken = f"127.0.0.1:{used.getsockname()[1]}"
        for options in (("--listen", taken), ("--listen", "127.0.0.1:0", "--metrics", taken)):
            ran = attune("serve", "--data", tmp_path / "data", *options)
            assert ran.returncode == 1
            assert ran.stderr == (
                f"attune: {options[-2][2:]}: {taken} cannot be listened on:"
                " Address already in use\n"
            )


def test_a_variable_that_is_no_setting_is_a_warning(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "engine", "serve", "--listen", "127.0.0.1:0"),
            *("--data", str(tmp_path / "data"), "--log-format", "json"),
        ],
        cwd=ROOT,
        env=os.environ | {"ATTUNE_GRACEE": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("attune is ready")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    warned = json.loads(said.splitlines()[0])
    assert warned["level"] == "warning"
    assert warned["event"] == "ATTUNE_GRACEE is no setting. Did you mean 'ATTUNE_GRACE'?"
    assert process.returncode == 0


def test_several_servers_on_one_data_directory_are_refused(tmp_path: Path, attune: Attune) -> None:
    ran = attune("serve", "--data", tmp_path / "data", "--workers", "2")
    assert ran.returncode == 1
    assert ran.stderr.startswith("attune: workers: a data directory has one writer")
    assert not (tmp_path / "data").exists()
