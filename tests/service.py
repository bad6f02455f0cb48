"""A real service in a process of its own, on a free loopback port, stopped by pid."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc

from engine.wire import (
    customer_pb2_grpc,
    decision_pb2_grpc,
    event_pb2_grpc,
    rulebook_pb2,
    rulebook_pb2_grpc,
)


class Service(NamedTuple):
    """A running service: its process, and stubs to call it with."""

    process: "subprocess.Popen[str]"
    address: str
    channel: grpc.Channel

    @property
    def decisions(self) -> decision_pb2_grpc.DecisionServiceStub:
        return decision_pb2_grpc.DecisionServiceStub(self.channel)

    @property
    def events(self) -> event_pb2_grpc.EventServiceStub:
        return event_pb2_grpc.EventServiceStub(self.channel)

    @property
    def customers(self) -> customer_pb2_grpc.CustomerServiceStub:
        return customer_pb2_grpc.CustomerServiceStub(self.channel)

    @property
    def rulebook(self) -> rulebook_pb2.GetRuleBookStatusResponse:
        """What the service says of its rule book at this moment."""
        stub = rulebook_pb2_grpc.RuleBookServiceStub(self.channel)
        return stub.GetRuleBookStatus(rulebook_pb2.GetRuleBookStatusRequest(), timeout=30)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(rules: Path, data: Path, *options: str) -> Iterator[Service]:
    """A service on these directories; asked to stop at the end, unless it is gone by then."""
    command = [sys.executable, "-m", "engine", "serve", "--listen", "127.0.0.1:0"]
    command += ["--rules", str(rules), "--data", str(data), "--log-format", "json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = next(
                (line for line in process.stdout if line.startswith("attune is ready")), ""
            )
            assert ready, "the service did not start"
            address = ready.split(" on ")[1].split(" ")[0]
            with grpc.insecure_channel(address) as channel:
                yield Service(process, address, channel)
        finally:
            if process.poll() is None:
                process.terminate()
