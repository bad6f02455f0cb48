"""Compiles engine/native/core.c for the Python that runs this, beside it.

    python tools/native.py [--required]

Without a C compiler or Python's headers it says so and leaves it: Attune then does in Python what it would have
done in C. With --required that is an error. $CC names another compiler, $CFLAGS what else to tell it.
"""

import argparse
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent.parent / "engine" / "native" / "core.c"
FLAGS: Final = ("-O2", "-shared", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra")
UNUSED: Final = "-Wno-unused-parameter"


def target(source: Path = SOURCE) -> Path:
    """The file that Python imports."""
    return source.with_name(f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}")


def build(source: Path = SOURCE) -> Path:
    """Compiles it; the file is put in its place whole.

    Raises:
        OSError: there is no compiler, or it does not succeed; says why.
    """
    made = target(source)
    scratch = made.with_suffix(f".{os.getpid()}.tmp")
    compiler, more = _words("CC") or ["cc"], _words("CFLAGS")
    include = sysconfig.get_paths()["include"]
    command = [*compiler, *FLAGS, UNUSED, *more, f"-I{include}", str(source), "-o", str(scratch)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise OSError(f"{shlex.join(command)}\n{done.stderr.decode(errors='replace')}")
        scratch.replace(made)
    finally:
        scratch.unlink(missing_ok=True)
    return made


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
        build()
    except OSError as error:
        print(
            f"engine/native/core.c is not compiled, decisions take a quarter longer: {error}",
            file=sys.stderr,
        )
        return int(options.required)
    return 0


if __name__ == "__main__":
    sys.exit(main())
