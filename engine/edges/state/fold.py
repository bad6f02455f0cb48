"""State is a fold over the log: the one step that serving, recovery and rebuilding all take."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from engine.codec import Damage, Line, SchemaNote
from engine.edges.state.names import JOURNAL
from engine.model import Customer, Lesson
from engine.topology import take_in
from engine.triggers.triggers import Before

log = logging.getLogger(__name__)


class Onlooker(Protocol):
    """Is shown every entry that has a customer, before it is applied and after; it never fails."""

    def before(self, customer: Customer, entry: object) -> Before | None:
        """What stood before; None if the entry need not be shown again."""

    def after(self, seq: int, before: Before, customer: Customer) -> None:
        """The entry at `seq` is applied."""


class Fold(NamedTuple):
    """What the log feeds besides customers: `teach` gets lessons, `register` feature schemas.

    `file` names the log in what is reported; `onlooker` sees what is applied.
    """

    teach: Callable[[Lesson], None]
    register: Callable[[Mapping[str, Any]], None]
    file: str = JOURNAL
    onlooker: Onlooker | None = None

    def step(self, seq: int, entry: Line, customer: Customer | None) -> None:
        """Applies the entry at `seq` to its customer in place and teaches what is in it.

        `customer` is None for a schema note, which has none. An entry that cannot be read or applied
        is passed over and reported: it must not hold up the rest. It is passed over again in every
        replay, so that the state stays the same.
        """
        if isinstance(entry, Damage):
            log.error(
                "entry %d of the log is passed over: %s is damaged there (%s)",
                seq,
                self.file,
                entry.reason,
            )
            return
        try:
            if isinstance(entry, SchemaNote):
                self.register(entry.document)
            elif customer is not None:
                before = self.onlooker and self.onlooker.before(customer, entry)
                for lesson in take_in(customer, entry):
                    self.teach(lesson)
                if self.onlooker and before:
                    self.onlooker.after(seq, before, customer)
        except Exception:
            log.exception("entry %d of the log is passed over", seq)
