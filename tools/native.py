"""Compiles the C of engine/native for the Python that runs this, beside its source.

    python tools/native.py [--required]

Without a C compiler, or Python's or numpy's headers, it says so and leaves it: Attune then does in Python what it
would have done in C. With --required that is an error. $CC names another compiler, $CFLAGS what else to tell it.
"""

import argparse
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "engine" / "native"
SOURCES: Final = (FOLDER / "core.c", FOLDER / "loops.c")
FLAGS: Final = ("-O3", "-shared", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra")
UNUSED: Final = "-Wno-unused-parameter"


def target(source: Path) -> Path:
    """The file that Python imports."""
    return source.with_name(f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}")


def build(source: Path) -> Path:
    """Compiles it; the file is put in its place whole.

    Raises:
        OSError: there is no compiler, or no numpy, or it does not succeed; says why.
    """
    made = target(source)
    scratch = made.with_suffix(f".{os.getpid()}.tmp")
    compiler, more = _words("CC") or ["cc"], _words("CFLAGS")
    include = [f"-I{folder}" for folder in (sysconfig.get_paths()["include"], _headers_of_numpy())]
    command = [*compiler, *FLAGS, UNUSED, *more, *include, str(source), "-o", str(scratch)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise OSError(f"{shlex.join(command)}\n{done.stderr.decode(errors='replace')}")
        scratch.replace(made)
    finally:
        scratch.unlink(missing_ok=True)
    return made


def _headers_of_numpy() -> str:
    try:
        import numpy as np
    except ImportError as error:
        raise OSError(f"numpy's headers: {error}") from error
    return np.get_include()


def _words(name: str) -> list[str]:
    try:
        return shlex.split(os.environ.get(name, ""))
    except ValueError as error:
        raise OSError(f"${name}: {error}") from error


def main() -> int:
    """Compiles, and says what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--required", action="store_true", help="fail where it cannot be compiled")
    options = parser.parse_args()
    try:
        for source in SOURCES:
            build(source)
    except OSError as error:
        print(
            f"the C of engine/native is not compiled, decisions and lessons take longer: {error}",
            file=sys.stderr,
        )
        return int(options.required)
    return 0


if __name__ == "__main__":
    sys.exit(main())
