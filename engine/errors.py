"""What can go wrong, as one small tree; each message says what to do.

AttuneError
├── InvalidInput        a caller's message or file is wrong: names each field and what it should be
├── UnknownPlacement    a placement the active rule book does not declare
├── RequestConflict     a request id came back with another question
├── NoRuleBook          nothing has been loaded yet
├── BrokenRuleBook      a rule book has mistakes: names each with its place
├── NotFound            a customer or decision nobody has heard of
├── OutOfRange          a position nothing has reached yet
├── Overloaded          more than can be taken now; come back after `retry_after` seconds
└── StorageError        the data directory cannot be read or written
    └── DamagedData     … because what is stored there makes no sense
"""

from collections.abc import Sequence
from typing import NamedTuple


class AttuneError(Exception):
    """Anything Attune raises on purpose. Its text may be shown to the caller."""


class Violation(NamedTuple):
    """One wrong field, named by its path as the caller wrote it, e.g. `context["customer.age"]`."""

    field: str
    description: str


class InvalidInput(AttuneError):
    """A message or file is wrong in the ways its `violations` name."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))


class UnknownPlacement(AttuneError):
    """A placement the active rule book does not declare."""


class RequestConflict(AttuneError):
    """A request id came back within its five minutes with another question."""


class NoRuleBook(AttuneError):
    """Nothing has been loaded yet, so nothing can be decided."""


class BrokenRuleBook(AttuneError):
    """A rule book cannot go live; `diagnostics` names every mistake with its place."""

    def __init__(self, diagnostics: Sequence[object]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))


class NotFound(AttuneError):
    """A customer or decision nobody has heard of."""


class OutOfRange(AttuneError):
    """A position nothing has reached yet: to wait behind it would skip what comes before."""


class Overloaded(AttuneError):
    """More than can be taken now; come back after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class StorageError(AttuneError):
    """The data directory cannot be read or written."""


class DamagedData(StorageError):
    """What is stored makes no sense; another try helps only once it was computed again or restored."""
