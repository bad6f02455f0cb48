"""Redis: one server that writes every change to disk before it says so."""

from collections.abc import Sequence
from pathlib import Path

from tools.brokers import process
from tools.brokers.install import NotInstalled, missing


class Redis(process.Server):
    """A server of its own on a free port; everything it keeps is in `directory`.

    `options` are added to those of its command line.

    Raises `NotInstalled` where there is no redis-server.
    """

    def __init__(
        self, directory: Path, port: int | None = None, options: Sequence[str] = ()
    ) -> None:
        if missing(["redis-server"]):
            raise NotInstalled("redis-server not found: `make brokers-install` installs it")
        directory.mkdir(parents=True, exist_ok=True)
        port = port or process.free_port()
        command = ["redis-server", "--bind", process.HOST, "--port", str(port)]
        command += ["--dir", str(directory), "--appendonly", "yes", "--appendfsync", "always"]
        super().__init__(
            f"redis://{process.HOST}:{port}",
            [*command, "--save", "", *options],
            directory / "redis.log",
            "Ready to accept connections",
        )
        self._directory = directory

    def forget(self) -> None:
        """Throws away what it kept; only while it is stopped."""
        for kept in self._directory.glob("appendonlydir/*"):
            kept.unlink()
