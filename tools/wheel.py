"""Has the wheel hold engine/native/core.c compiled, where it can be; hatchling runs this (pyproject.toml).

Such a wheel is for this machine's kind and this Python. Without a compiler it is for all, and without C.
An editable install is left as it is: there `make setup` compiles.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parents[1]))
from tools.native import SOURCE, build


class Compiling(BuildHookInterface[Any]):
    """See `tools/native.py`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles before the files of the wheel are gathered."""
        if version == "editable":
            return
        try:
            made = build()
        except OSError as error:
            self.app.display_warning(f"the wheel is without {SOURCE.name} compiled: {error}")
            return
        build_data["artifacts"].append(made.relative_to(self.root).as_posix())
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
