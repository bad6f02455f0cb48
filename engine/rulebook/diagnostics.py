"""Mistakes and remarks about rule files, each with its place."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """Errors keep a book from going live; notices do not. Numbers equal `Diagnostic.Severity`."""

    ERROR = 1
    NOTICE = 2


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One mistake or remark. Line and column count from 1, columns in characters.

    >>> str(Diagnostic("actions/save.yaml", 12, 7, "unknown key 'titel'. Did you mean 'title'?"))
    "actions/save.yaml:12:7: unknown key 'titel'. Did you mean 'title'?"
    """

    file: str
    line: int
    column: int
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"
