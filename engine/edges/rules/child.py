"""The child: the process that compiles a book, begun. This imports little, so that a start can do it first."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Final, NamedTuple

_ROOT: Final = Path(__file__).resolve().parents[3]


class Begun(NamedTuple):
    """A process that writes its parcel to a pipe (see `engine.rulebook.compile`), and all else to `said`."""

    process: "subprocess.Popen[bytes]"
    said: IO[bytes]


def begin(book: Path, *, at_once: bool = False) -> Begun:
    """Has a process of its own begin to compile a book, and waits for nothing.

    It stands back for whoever decides on the same cores, unless it is to be done `at_once`. It is begun by vfork: neither are this process's pages copied nor do gRPC's threads halt.

    Raises:
        OSError: it could not be begun.
    """
    command = [sys.executable, "-P", "-m", "engine.rulebook.compile", str(book.absolute())]
    command += ["--at-once"] if at_once else []
    said = tempfile.TemporaryFile()  # noqa: SIM115  # closed with what is begun
    try:
        process = subprocess.Popen(  # noqa: S603  # our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(),
            start_new_session=True,
        )
    except OSError:
        said.close()
        raise
    return Begun(process, said)


def _environment() -> dict[str, str]:
    """The child imports the engine from where this process has it, whatever its directory."""
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT)}
