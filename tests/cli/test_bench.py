"""`attune bench` against a running service."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.model import IncomingResponse
from tests.cli.conftest import ROOT, Attune, Live

SHORT = ("--rate", 100, "--seconds", 1, "--warm-up", 0)


def ids(tmp_path: Path, *names: str) -> Path:
    path = tmp_path / "ids.txt"
    path.write_text("\n".join(names))
    return path


def test_it_tells_what_customers_waited_and_writes_a_report(
    live: Live, attune: Attune, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    asked: tuple[object, ...] = ("bench", *SHORT, "--server", live.address)
    asked += ("--placements", "web.banner")
    asked += ("--customers", ids(tmp_path, "anna"), "--slo", "p99=60s,errors=0%")
    ran = attune(*asked, "--report", out)
    assert ran.returncode == 0, ran.stderr
    assert "Latency from the moment a customer meant to come" in ran.stdout
    assert "SLO p99 ≤ 60,000.00 ms: " in ran.stdout
    found = json.loads(out.read_text())
    assert found["answered"] == found["asked"] > 0
    assert found["degraded"] == 0
    again = attune(*asked, "--compare", out)
    assert "Beside the earlier run" in again.stdout
    assert "not alike" not in again.stdout


@pytest.mark.parametrize("how", [(), ("--stream",)])
def test_refusals_and_degraded_answers_are_counted_apart(
    live: Live, attune: Attune, tmp_path: Path, how: tuple[str, ...]
) -> None:
    people = ids(tmp_path, "anna", "hurried", "overload", "broken_disk")
    asked = ("bench", *SHORT, "--server", live.address, "--placements", "web.banner", *how)
    ran = attune(*asked, "--customers", people, "--format", "json", "--slo", "errors=1%")
    found = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert {what.split()[1] for what in found["failures"]} == {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
    assert found["answered"] + sum(found["failures"].values()) == found["asked"]
    assert 0 < found["degraded"] < found["answered"]
    assert found["degraded_steps"] == {"STEP_PROFILE": found["degraded"]}


def test_responses_follow_the_share_of_answers_asked_for(
    live: Live, attune: Attune, tmp_path: Path
) -> None:
    asked: tuple[object, ...] = ("bench", *SHORT, "--server", live.address)
    asked += ("--placements", "web.banner")
    asked += ("--customers", ids(tmp_path, "anna"), "--format", "json")
    before = len(live.engine.events)
    ran = attune(*asked, "--responses", 1)
    found = json.loads(ran.stdout)
    assert found["recorded"] == found["answered"]
    kept = list(live.engine.events.values())[before:]
    outcomes = [e.body.outcome for e in kept if isinstance(e.body, IncomingResponse)]
    assert outcomes.count("impression") == found["answered"]
    assert set(outcomes) <= {"impression", "click"}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--slo", "p99=20"), 2, "must be a time such as 20ms"),
        (("--mix", "wbe=1"), 1, "'wbe' is no channel of the placements asked for"),
        (("--placements", "web.baner"), 1, "Did you mean 'web.banner'?"),
        (("--customers", "nobody.txt"), 1, "nobody.txt is neither a number nor a file of ids"),
        (("--responses", "0.5", "--dry-run"), 2, "a dry run has nothing to respond to"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_asked(
    live: Live, attune: Attune, options: tuple[str, ...], code: int, said: str
) -> None:
    before = len(live.engine.questions)
    ran = attune("bench", *SHORT, "--server", live.address, *options)
    assert ran.returncode == code
    assert said in ran.stderr
    assert len(live.engine.questions) == before


def test_where_nothing_answers_one_line_says_so(attune: Attune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    ran = attune("bench", *SHORT, "--server", address)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"attune: nothing answers at {address}")
    assert ran.stderr.count("\n") == 1


def test_ctrl_c_ends_it_and_its_client_processes_without_noise(live: Live) -> None:
    words = ["-m", "engine", "bench", "--server", str(live.address), "--placements", "web.banner"]
    with subprocess.Popen(
        [sys.executable, *words, "--warm-up", "0", "--processes", "2"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert "asked" in running.stderr.readline()  # it writes the first line after five seconds
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()  # all who hold the pipe are gone when this ends
    assert running.returncode == 130
    assert "Traceback" not in said
