"""`attune demo` as somebody types it: the figures, and nothing left behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.demo.conftest import ROOT


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "engine", "demo", *map(str, arguments)]


def surroundings(tmp_path: Path) -> dict[str, str]:
    """Temporary files under `tmp_path`, so that what is left can be found."""
    return os.environ | {"TMPDIR": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "200"}


def left_behind(tmp_path: Path) -> list[str]:
    """Files under the temporary directory, and processes that were told of it."""
    found = [str(path) for path in tmp_path.iterdir()]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in words:
            found.append(words)
    return found


def test_a_short_demo_gives_its_figures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--seed", 2, "--seconds", 4, "--format", "json"),
        cwd=ROOT,
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    for measure in ("accept_rate", "value_per_decision"):
        assert set(told[measure]) == {"learned", "rules_only", "random"}
        assert all(figure > 0 for figure in told[measure].values())
    assert all(0 < told["accept_rate"][arm] < 1 for arm in told["accept_rate"])
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p95"] <= told["latency_ms"]["p99"]
    assert 0 <= told["degraded_share"] <= 1
    assert told["decisions"] == sum(told["decisions_by_arm"].values()) > 30
    assert left_behind(tmp_path) == []


def test_people_get_three_decisions_explained_and_a_verdict(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--seconds", 2),
        cwd=tmp_path,
        env=surroundings(tmp_path) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for number in (1, 2, 3):
        assert f"Decision {number} explained: customer sim-" in done.stdout
    assert done.stdout.count("who competed (priority = P · C · V · L)") >= 3
    assert done.stdout.count("95% interval") == 4


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind_either(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with subprocess.Popen(
        command("--seconds", 600),
        cwd=ROOT,
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert any("telling them of" in line for line in demo.stdout)
        demo.send_signal(ending)
        demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_a_killed_demo_takes_its_services_with_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("--seconds", 600),
        cwd=ROOT,
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert any("telling them of" in line for line in demo.stdout)
        children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        ends = [os.pidfd_open(int(child)) for child in children]
        demo.kill()
        for end in ends:
            gone, _, _ = select.select([end], [], [], 60)
            os.close(end)
            assert gone
    assert len(ends) == 3


def test_a_demo_without_a_rule_book_says_what_to_do(tmp_path: Path) -> None:
    for rules, code, said in (
        (tmp_path, 2, "name one with --rules DIR"),
        (ROOT / "rules" / "bank", 1, "telecom firm's"),
    ):
        done = subprocess.run(
            command("--rules", rules),
            cwd=ROOT,
            env=surroundings(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
        assert "Traceback" not in done.stderr
