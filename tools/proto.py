"""Writes `engine/wire/` from `proto/`: messages, services and their type stubs.

`python tools/proto.py` regenerates in place, `--out DIR` elsewhere, to compare.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "engine.wire"
PROTOS = sorted((ROOT / "proto/attune/v1").glob("*.proto"))


def generate(out: Path) -> list[Path]:
    """Runs protoc over `proto/attune/v1` and writes the modules, flat, into `out`.

    The descriptors keep their public names (`attune/v1/…`); only the Python imports
    are moved into our package, so that no top-level `attune` package is needed.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        _protoc(Path(scratch))
        written = [
            _settle(source, out) for source in sorted((Path(scratch) / "attune/v1").iterdir())
        ]
    (out / "__init__.py").write_text(
        '"""The wire contract as Python: generated from `proto/` by `make proto`, never edited."""\n'
    )
    return written


def _protoc(scratch: Path) -> None:
    bin_dir = Path(sys.executable).parent
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={ROOT / 'proto'}",
        f"--python_out={scratch}",
        f"--grpc_python_out={scratch}",
        f"--plugin=protoc-gen-mypy={bin_dir / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={bin_dir / 'protoc-gen-mypy_grpc'}",
        f"--mypy_out=quiet:{scratch}",
        f"--mypy_grpc_out=quiet:{scratch}",
        *(str(path.relative_to(ROOT / "proto")) for path in PROTOS),
    ]
    subprocess.run(command, check=True, cwd=ROOT)


def _settle(source: Path, out: Path) -> Path:
    text = source.read_text()
    text = text.replace("from attune.v1 import", f"from {PACKAGE} import")
    text = re.sub(r"\battune\.v1\.(\w+_pb2)", rf"{PACKAGE}.\1", text)
    text = text.replace("import attune.v1\n", "")
    target = out / source.name
    target.write_text(text)
    return target


def main() -> None:
    """Regenerates, and says what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "engine/wire")
    for path in generate(parser.parse_args().out):
        print(path)


if __name__ == "__main__":
    main()
