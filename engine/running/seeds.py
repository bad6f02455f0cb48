"""Seeds: the chance of each decision, asked of the system for many decisions at a time.

Each time the system is asked, another thread may take the interpreter, and keep it for as long as an
answer takes.
"""

import os
from struct import Struct
from typing import Final

_MANY: Final = Struct("512Q")


class Seeds:
    """Gives numbers of 64 random bits that nobody can foresee, each once.

    A process that forks must not go on with its parent's; ours start new programs only.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: list[int] = []

    def __call__(self) -> int:
        """The next one."""
        if not self._left:
            self._left.extend(_MANY.unpack(os.urandom(_MANY.size)))
        return self._left.pop()
