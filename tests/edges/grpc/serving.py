"""A service over the engine in memory, as a process of its own: `python -m tests.edges.grpc.serving`."""

import sys

import uvloop

from engine.edges.grpc.server import serve
from engine.settings import Settings
from engine.telemetry import set_up_logs
from tests.edges.grpc.memory import open_memory_engine


def announce(line: str) -> None:
    """Prints the ready line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    set_up_logs("json")
    uvloop.run(serve(Settings.of(), open_memory_engine, announce))
