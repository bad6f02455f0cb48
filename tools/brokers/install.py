"""Install: what running the brokers takes, and how to get what is missing."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

POM: Final = Path(__file__).with_name("pom.xml")
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attune-brokers"
"""Where the broker's jars are kept, for all checkouts of one user."""

_PACKAGES: Final = {
    "java": "openjdk-17-jre-headless",
    "mvn": "maven",
    "redis-server": "redis-server",
}


class NotInstalled(Exception):
    """Something is missing; the message says what and how to get it."""


def missing(programs: Sequence[str]) -> list[str]:
    """Those of `programs` that are not on the path."""
    return [program for program in programs if shutil.which(program) is None]


def install(programs: Sequence[str] = tuple(_PACKAGES)) -> None:
    """Installs what is missing on Debian and its relatives; does nothing where all is there.

    Raises:
        NotInstalled: if this is another system, or there is no right to install.
    """
    absent = missing(programs)
    if not absent:
        return
    packages = [_PACKAGES[program] for program in absent]
    wanted = f"{', '.join(absent)} not found: install the packages {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise NotInstalled(f"{wanted}, or use compose.yaml")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and shutil.which("sudo") is None:
        raise NotInstalled(f"{wanted} as root")
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        code, said = _said([*as_root, "apt-get", "-q", *command])
        if code and command[0] == "install":
            raise NotInstalled(f"{wanted}; apt-get said: {said}")


def jars() -> Path:
    """The directory of the broker's jars, fetched by Maven the first time (about 50 MB).

    Raises:
        NotInstalled: if they are not there and Maven is not, or cannot fetch them.
    """
    ready = CACHE / f"kafka-{_version()}"
    if ready.is_dir():
        return ready
    if missing(["mvn"]):
        raise NotInstalled("mvn not found: `make brokers-install` installs what the brokers take")
    CACHE.mkdir(parents=True, exist_ok=True)
    fetched = CACHE / f".fetched-{os.getpid()}"
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
    code, said = _said(command)
    if code:
        shutil.rmtree(fetched, ignore_errors=True)
        raise NotInstalled(f"Maven could not fetch the broker's jars: {said}")
    try:
        fetched.rename(ready)
    except OSError:  # somebody else was quicker
        shutil.rmtree(fetched)
    return ready


def _said(command: Sequence[str]) -> tuple[int, str]:
    """How a command ended, and the last of what it said."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    return done.returncode, done.stdout.strip()[-500:]


def _version() -> str:
    """The broker's version as pom.xml has it."""
    return POM.read_text().split("<artifactId>kafka_2.13</artifactId>")[1].split("version>")[1][:-2]
