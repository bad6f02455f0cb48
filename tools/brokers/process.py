"""Process: a server in a process of its own, known to be ready by what it logs, stopped by pid."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import Final

HOST: Final = "127.0.0.1"
_PORTS: Final = range(20_000, 32_000)
_PATIENCE: Final = 90.0
_STOPS_WITHIN: Final = 30.0


class NotStarted(Exception):
    """A server ended, or did not become ready in time; the message ends with its last words."""


def free_port() -> int:
    """A port of loopback nobody listens on, below those the system gives to clients."""
    chance = SystemRandom()
    while not is_free(port := chance.choice(_PORTS)):
        pass
    return port


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def start(command: Sequence[str], log: Path, ready: str) -> "subprocess.Popen[bytes]":
    """Starts a server that outlives us, and waits until its log says `ready`.

    Raises:
        NotStarted: if it ended before, or took longer than 90 seconds.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE
    while ready not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise NotStarted(
                f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(0.05)
    return process


def is_alive(pid: int) -> bool:
    """Whether this process runs; one that ended and nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(pid: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Asks a process to end and waits until it has; after half a minute it is killed."""
    deadline = time.monotonic() + _STOPS_WITHIN
    asked = how
    while is_alive(pid):
        try:
            os.kill(pid, asked)
        except ProcessLookupError:
            break
        waited = time.monotonic() + 1.0
        while is_alive(pid) and time.monotonic() < waited:
            time.sleep(0.02)
        asked = signal.SIGKILL if time.monotonic() > deadline else how


class Server:
    """A server with a process of its own while it runs.

    Attributes:
        url: how to reach it.
    """

    def __init__(self, url: str, command: Sequence[str], log: Path, ready: str) -> None:
        self.url = url
        self._command = command
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its process; 0 while it is stopped."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Starts it, with what it kept; returns when it takes calls.

        Raises:
            NotStarted: if it does not.
        """
        self._process = start(self._command, self._log, self._ready)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops it; what it kept stays."""
        if self._process is not None:
            stop(self._process.pid, how)
            self._process.wait()
            self._process = None
