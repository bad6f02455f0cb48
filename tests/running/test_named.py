"""Whoever looks at the process sees its threads by name."""

import sys
import threading
from pathlib import Path

import pytest

from engine.running.named import name_this_thread
from tests.service import serving

RULES = Path(__file__).parents[2] / "rules" / "telecom"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")


def names(pid: int) -> set[str]:
    return {known.read_text().strip() for known in Path(f"/proc/{pid}/task").glob("*/comm")}


@pytest.mark.parametrize(
    ("name", "shown"), [("decisions", "decisions"), ("read customers_12", "read customers_")]
)
def test_the_kernel_keeps_as_much_of_a_name_as_it_can(name, shown):
    found = []

    def work():
        name_this_thread()
        found.append(Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text())

    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()
    assert found == [f"{shown}\n"]


def test_where_it_cannot_be_said_nothing_is_done(monkeypatch):
    monkeypatch.setattr("engine.running.named.Path", lambda path: Path("/nowhere") / path[1:])
    before = names(threading.get_native_id())
    name_this_thread()
    assert names(threading.get_native_id()) == before


def test_a_service_says_which_thread_does_what(tmp_path):
    wanted = {"log", "decisions", "journal", "caps", "rulebook-watch", "pages"}
    with serving(RULES, tmp_path, "--metrics", "127.0.0.1:0") as service:
        while not wanted <= names(service.process.pid):  # each names itself when it first runs
            assert service.process.poll() is None
