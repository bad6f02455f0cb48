"""Redis: one server that writes every change to disk before it says so."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.brokers import process
from tools.brokers.install import NotInstalled, missing

_KEPT: Final = "appendonlydir"


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
        for kept in (self._directory / _KEPT).glob("*"):
            kept.unlink()

    def copy(self, to: Path) -> None:
        """Copies what it has kept so far, also while it runs."""
        shutil.copytree(self._directory / _KEPT, to)

    def go_back(self, copy: Path) -> None:
        """Has it keep what it kept when that copy was made; only while it is stopped."""
        self.forget()
        shutil.copytree(copy, self._directory / _KEPT, dirs_exist_ok=True)
