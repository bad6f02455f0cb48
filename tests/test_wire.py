"""The committed wire code is what `proto/` generates, and `proto/` is clean under buf."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def test_regenerating_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="the proto tools are not installed (make setup)")
    subprocess.run(
        [sys.executable, ROOT / "tools/proto.py", "--out", tmp_path], check=True, cwd=ROOT
    )
    committed = {p.name: p.read_text() for p in (ROOT / "engine/wire").glob("*.py*")}
    generated = {p.name: p.read_text() for p in tmp_path.glob("*.py*")}
    assert set(generated) == set(committed)
    assert [name for name in generated if generated[name] != committed[name]] == []


def test_the_contract_is_clean_under_buf() -> None:
    buf = BIN / "buf"
    if not buf.exists():
        pytest.skip("buf is not installed (make setup)")
    linted = subprocess.run([buf, "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")
