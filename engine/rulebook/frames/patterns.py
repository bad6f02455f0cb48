r"""Regular expressions that mean the same to RE2, which serves, and to polars' engine.

Those are the plain ones: characters, `.`, simple classes, groups, `|`, `^`, `$` and repetition. They
differ in `\d`, `\w`, `\b` (ASCII or not), flags, and what `[` means inside a class.
"""

import re
from typing import Final

import polars as pl

_CLASS: Final = r"\[\^?(?:[A-Za-z0-9_ .@:/](?:-[A-Za-z0-9])?)+\]"
_ATOM: Final = rf"(?:[^\\.+*?()|\[\]{{}}^$&~#]|\\[.+*?()|\[\]{{}}^$\\]|\.|{_CLASS})"
_REPEATED: Final = r"(?:[*+?]|\{\d{1,3}(?:,(?:\d{1,3})?)?\})?\??"
_PORTABLE: Final = re.compile(rf"(?:{_ATOM}{_REPEATED}|\((?:\?:)?|\){_REPEATED}|\||\^|\$)*")


def portable(pattern: str) -> bool:
    r"""Whether both engines find the same.

    >>> portable("^[A-Z]{2}-(gold|vip)$"), portable(r"\d+"), portable("(?i)vip")
    (True, False, False)
    """
    if not _PORTABLE.fullmatch(pattern):
        return False
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True
