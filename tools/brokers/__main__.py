"""`python -m tools.brokers install|start|stop|status`: the brokers of this checkout, in `.brokers/`."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Final, TypedDict

from tools.brokers import process
from tools.brokers.install import NotInstalled, install, jars
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

HOME: Final = Path(__file__).resolve().parents[2] / ".brokers"
_STATE: Final = HOME / "running.json"


class Running(TypedDict):
    """A server that `start` started."""

    url: str
    pid: int


def start() -> None:
    """Starts both with empty logs, unless they run."""
    if any(process.is_alive(one["pid"]) for one in _running().values()):
        print("The brokers run already.")
    else:
        install()
        shutil.rmtree(HOME, ignore_errors=True)
        kafka = Kafka(HOME / "kafka", _usual(9092))
        redis = Redis(HOME / "redis", _usual(6379))
        kafka.start()
        redis.start()
        state = {
            name: {"url": b.url, "pid": b.pid} for name, b in (("kafka", kafka), ("redis", redis))
        }
        _STATE.write_text(json.dumps(state))
    status()


def stop() -> None:
    """Stops what `start` started, by pid; their data goes with them."""
    for one in _running().values():
        process.stop(one["pid"])
    shutil.rmtree(HOME, ignore_errors=True)


def status() -> None:
    """Says what runs, and how to use it."""
    running = _running()
    for name, one in running.items():
        print(f"{name}  {one['url']}  {'runs' if process.is_alive(one['pid']) else 'has ended'}")
    if running:
        print("make brokers-stop ends them.")
    else:
        print("No brokers were started here: make brokers")


def _running() -> dict[str, Running]:
    try:
        found: dict[str, Running] = json.loads(_STATE.read_text())
    except FileNotFoundError:
        return {}
    return found


def _usual(port: int) -> int:
    """This port if it is free, else another one."""
    return port if process.is_free(port) else process.free_port()


def main() -> None:
    """Runs one of the four."""
    parser = argparse.ArgumentParser(prog="python -m tools.brokers", description=__doc__)
    parser.add_argument("do", choices=["install", "start", "stop", "status"])
    try:
        match parser.parse_args().do:
            case "install":
                install()
                jars()
            case "start":
                start()
            case "stop":
                stop()
            case _:
                status()
    except (NotInstalled, process.NotStarted) as failure:
        sys.exit(f"brokers: {failure}")


if __name__ == "__main__":
    main()
