"""The container installs what is tested: the same versions, checked by the same hashes."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = re.compile(
    r"^(?P<package>[^ ]+==.+?) ?\\?\n(?P<hashes>(?:    --hash=.+\n)+)", re.MULTILINE
)


def locked(path: Path) -> dict[str, str]:
    """The hashes by package and version."""
    return {
        found["package"]: found["hashes"].strip() for found in PACKAGE.finditer(path.read_text())
    }


def test_what_the_container_installs_is_what_is_tested() -> None:
    tested = locked(ROOT / "requirements.lock")
    installed = locked(ROOT / "deploy" / "requirements.lock")
    assert len(installed) > 30
    assert installed.items() <= tested.items()


def test_the_container_has_the_cluster_and_no_tests() -> None:
    names = {package.split("==")[0] for package in locked(ROOT / "deploy" / "requirements.lock")}
    assert {"faust-streaming", "aiokafka", "hiredis", "grpcio"} <= names
    assert not names & {"pytest", "mypy", "hatchling"}


def test_what_is_compiled_is_for_the_containers_python() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM python:([\d.]+)-(?:slim-)?(\w+)", dockerfile, re.MULTILINE)
    assert len(stages) == 3
    assert len(set(stages)) == 1
    assert "tools/native.py --required" in dockerfile
    assert "**/*.so" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_container_runs_as_the_user_the_pods_name() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    servers = (ROOT / "deploy" / "kubernetes" / "servers.yaml").read_text()
    (user,) = re.findall(r"^USER (\d+):", dockerfile, re.MULTILINE)
    assert f"runAsUser: {user}" in servers
