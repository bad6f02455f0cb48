"""`attune serve` with the real engine: ready, answering, gone; or told what is wrong."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


def test_a_broken_rule_book_is_told_mistake_by_mistake(tmp_path: Path, attune: Attune) -> None:
    rules = tmp_path / "rules"
    (rules / "actions").mkdir(parents=True)
    (rules / "policies.yaml").write_text("isues: {}\n")
    (rules / "attributes.yaml").write_text("attributes: {}\n")
    (rules / "actions" / "all.yaml").write_text("actions: []\n")
    ran = attune("serve", "--rules", rules, "--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "policies.yaml:1:1: unknown key 'isues'" in ran.stderr
    assert "Traceback" not in ran.stderr
