"""Which files of a data directory belong together: every start marks the journal and those beside it.

A file that was put back from a copy, or lost and made anew, bears the mark of another start than the
journal. What it should know of the time since is not known then.
"""

import secrets
import sqlite3
from typing import Final, NamedTuple

UNMARKED: Final = 0
"""The mark of a file that no start has marked yet."""


class Run(NamedTuple):
    """One start of a service over its journal.

    Attributes:
        before: the journal's mark when it started.
        mark: the mark of this start.
        begun: whether the journal held anything then.
    """

    before: int
    mark: int
    begun: bool

    @classmethod
    def over(cls, journal: sqlite3.Connection, last_seq: int) -> "Run":
        """A start that finds the journal like this."""
        return cls(figure(journal, "run"), secrets.randbits(62) or 1, last_seq > 0)


FIRST: Final = Run(UNMARKED, UNMARKED, begun=False)
"""The start of a service that had none before; nothing is marked."""


def belongs(connection: sqlite3.Connection, run: Run, *, is_new: bool) -> bool:
    """Whether the file of this connection is the one the journal was used with before `run`.

    A start that was broken off may have marked the file and not yet the journal.
    """
    if is_new:
        return not run.begun
    return run.before in (figure(connection, "run"), figure(connection, "run_before"))


def mark(connection: sqlite3.Connection, run: Run) -> None:
    """Marks a file beside the journal as one of this start; the journal itself is marked last."""
    note(connection, "run_before", run.before)
    note(connection, "run", run.mark)


def mark_journal(connection: sqlite3.Connection, run: Run) -> None:
    """Marks the journal, once all beside it are marked."""
    note(connection, "run", run.mark)


def figure(connection: sqlite3.Connection, name: str) -> int:
    """A figure kept in `meta`; 0 if there is none."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return UNMARKED if row is None else int(row[0])


def note(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Keeps a figure in `meta`."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
