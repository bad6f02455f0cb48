"""What a start takes along: a service imports nothing it does not serve with."""

import subprocess
import sys
from pathlib import Path

import pytest

import engine

HEAVY = ("pandas", "sklearn", "scipy.stats", "polars", "matplotlib", "narwhals", "cel_expr_python")
SERVICE = "import engine.cli.serve, engine.edges.grpc.server, engine.telemetry, engine.engine"


def imported(program: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_a_service_takes_none_of_the_heavy_packages_along() -> None:
    assert not imported(SERVICE).intersection(HEAVY)


@pytest.mark.parametrize("heavy", ["numba", "asyncio", "structlog", "grpc"])
def test_the_book_is_begun_before_anything_heavy_is_imported(heavy: str) -> None:
    assert heavy not in imported("import engine.edges.rules.child, engine.edges.rules.watch")


def test_every_compiled_loop_is_read_before_anybody_waits_for_it() -> None:
    pytest.importorskip("numba", reason="there is no machine code without numba")
    root = Path(engine.__file__).parent
    compiled = {
        ".".join(("engine", *path.relative_to(root).with_suffix("").parts))
        for path in root.glob("**/compiled.py")
    }
    read = imported(
        "from engine.running.machine_code import read_machine_code; read_machine_code()"
    )
    assert compiled
    assert compiled <= read
