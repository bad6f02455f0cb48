"""Who logs waits for nobody: not for a slow disk, not for a pipe that nobody empties."""

import io
import subprocess
import sys
import threading
from pathlib import Path

import grpc

from engine.running.lines import ROOM, Lines
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.decision_pb2_grpc import DecisionServiceStub

RULES = Path(__file__).parents[2] / "rules" / "telecom"


class Slow(io.StringIO):
    """Takes nothing before it is let."""

    def __init__(self):
        super().__init__()
        self.let = threading.Event()
        self.tried = threading.Event()

    def write(self, text):
        self.tried.set()
        self.let.wait()
        return super().write(text)


def test_all_is_written_in_order_by_the_end():
    target = io.StringIO()
    lines = Lines(target)
    for number in range(1_000):
        print(number, file=lines, flush=True)
    lines.close()
    assert target.getvalue().split() == [str(number) for number in range(1_000)]


def test_who_writes_does_not_wait_and_what_is_too_much_is_told():
    target = Slow()
    lines = Lines(target)
    lines.write("first\n")
    assert target.tried.wait(60)
    for _ in range(ROOM + 5):
        lines.write("x\n")
    target.let.set()
    lines.close()
    first, *others, gap = target.getvalue().splitlines()
    assert (first, len(others)) == ("first", ROOM)
    assert gap == "… 5 pieces of the log were left out here"


def test_nobody_reads_any_more():
    target = io.StringIO()
    target.close()
    lines = Lines(target)
    lines.write("x")
    lines.close()


def test_a_service_whose_log_nobody_reads_goes_on_deciding(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTUNE_TRACE_SHARE", "1")
    command = [sys.executable, "-m", "engine", "serve", "--rules", RULES, "--data", tmp_path]
    command += ["--listen", "127.0.0.1:0", "--log-format", "json"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = next(line for line in process.stdout if "is ready on" in line)
            with grpc.insecure_channel(ready.split(" on ")[1].split(" ")[0]) as channel:
                decide = DecisionServiceStub(channel).Decide
                asked = DecideRequest(customer_id="anna", placements=["web.home_hero"])
                for _ in range(600):  # some 200 kB of lines; a pipe takes 64
                    assert decide(asked, timeout=30).placements
        finally:
            process.kill()
            process.communicate()
