"""Has the wheel hold the C of engine/native compiled, where it can be; hatchling runs this (pyproject.toml).

Such a wheel is for this machine's kind and this Python. Without a compiler it is for all, and without C.
An editable install is left as it is: there `make setup` compiles.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parents[1]))
from tools.native import SOURCES, build


class Compiling(BuildHookInterface[Any]):
    """See `tools/native.py`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles before the files of the wheel are gathered."""
        if version == "editable":
            return
        try:
            made = [build(source) for source in SOURCES]
        except OSError as error:
            self.app.display_warning(f"the wheel is without the C of engine/native: {error}")
            return
        build_data["artifacts"] += [one.relative_to(self.root).as_posix() for one in made]
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
