"""`python -m tools.brokers install|start|stop|status`: the brokers of this checkout, in `.brokers/`."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Final, TypedDict

from tools.brokers import process
from tools.brokers.install import NotInstalled, install, jars
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

HOME: Final = Path(__file__).resolve().parents[2] / ".brokers"
_FREE_WITHIN: Final = 10.0
_STATE: Final = HOME / "running.json"
_USUAL: Final = {"kafka": 9092, "redis": 6379}
"""The port of each, where that is free."""


class Running(TypedDict):
    """A server that `start` started."""

    url: str
    pid: int


def start() -> bool:
    """Starts both with empty logs; where only one of them has ended, that one, with what it kept.

    Returns whether both run now.
    """
    running = _running()
    alive = {name for name, one in running.items() if process.is_alive(one["pid"])}
    if len(alive) == len(_USUAL):
        print("The brokers run already.")
        return status()
    install()
    if not alive:
        shutil.rmtree(HOME, ignore_errors=True)
        running = {}
    for name, usual in _USUAL.items():
        if name not in alive:
            before = running.get(name)
            port = _wished(usual) if before is None else _left(before)
            server = _server(name, port)
            server.start()
            running[name] = {"url": server.url, "pid": server.pid}
            _STATE.write_text(json.dumps(running))
    return status()


def stop() -> None:
    """Stops what `start` started, by pid; their data goes with them."""
    for one in _running().values():
        process.stop(one["pid"])
    shutil.rmtree(HOME, ignore_errors=True)


def status() -> bool:
    """Says what runs, and how to use it. Returns whether nothing that was started has ended."""
    running = _running()
    alive = {name: process.is_alive(one["pid"]) for name, one in running.items()}
    for name, one in running.items():
        print(f"{name}  {one['url']}  {'runs' if alive[name] else 'has ended'}")
    if not all(alive.values()):
        print("make brokers starts what has ended.")
    print(
        "make brokers-stop ends them." if running else "No brokers were started here: make brokers"
    )
    return all(alive.values())


def _server(name: str, port: int) -> process.Server:
    return Kafka(HOME / name, port) if name == "kafka" else Redis(HOME / name, port)


def _running() -> dict[str, Running]:
    try:
        found: dict[str, Running] = json.loads(_STATE.read_text())
    except FileNotFoundError:
        return {}
    return found


def _left(before: Running) -> int:
    """The port it had, as soon as it is free of it: that may take a moment longer than its end."""
    port = int(before["url"].rpartition(":")[2])
    until = time.monotonic() + _FREE_WITHIN
    while not process.is_free(port) and time.monotonic() < until:
        time.sleep(0.05)
    return _wished(port)


def _wished(port: int) -> int:
    """This port if it is free, else another one."""
    return port if process.is_free(port) else process.free_port()


def main() -> None:
    """Runs one of the four; ends with 1 where something that was started does not run."""
    parser = argparse.ArgumentParser(prog="python -m tools.brokers", description=__doc__)
    parser.add_argument("do", choices=["install", "start", "stop", "status"])
    well = True
    try:
        match parser.parse_args().do:
            case "install":
                install()
                jars()
            case "start":
                well = start()
            case "stop":
                stop()
            case _:
                well = status()
    except (NotInstalled, process.NotStarted) as failure:
        sys.exit(f"brokers: {failure}")
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    main()
