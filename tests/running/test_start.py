"""What a start takes along: a service imports nothing it does not serve with."""

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("heavy", ["asyncio", "structlog", "grpc"])
def test_the_book_is_begun_before_anything_heavy_is_imported(heavy: str) -> None:
    assert heavy not in imported("import engine.edges.rules.child, engine.edges.rules.watch")
