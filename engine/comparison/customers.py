"""Customers: a file of them, as `attune import customers` reads it, as batches to compare two books by."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from engine.comparison.layout import NOW
from engine.comparison.outlook import Batch, Visit
from engine.errors import InvalidInput, Violation
from engine.imports.frames import FrameReader
from engine.imports.mapping import CustomerMap, map_by_name
from engine.imports.plan import ImportPlan, Rejection, needs_id, settle
from engine.imports.table import Table
from engine.model import Micros
from engine.rulebook.book import Attribute, RuleBook
from engine.wire.rulebook_pb2 import AttributeInfo

_OF_THE_REQUEST: Final = ("request.", NOW)


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """An open table of customers, to be asked about at one moment in every placement on its own.

    Attributes that both books declare are read as the new one declares them. What is in the file counts
    as fresh, whatever an attribute's `max_age`.
    """

    path: Path
    table: Table
    plan: ImportPlan
    attributes: Mapping[str, Attribute]
    visits: tuple[Visit, ...]

    @classmethod
    def of(
        cls, path: Path, table: Table, mapping: CustomerMap | None, old: RuleBook, new: RuleBook
    ) -> "CustomerFile":
        """The table, settled against what the books declare.

        Raises:
            MappingMistakes: the mapping names columns or attributes that are not there.
            InvalidInput: without a mapping, the table has no column `customer_id`.
        """
        attributes = {a.name: a for book in (old, new) for a in book.attributes}
        if mapping is None:
            if problem := needs_id(table.header):
                raise InvalidInput([Violation(str(path), problem)])
            known = [name for name in attributes if not name.startswith(_OF_THE_REQUEST)]
            mapping = map_by_name(table.header, known)
        declared = [
            AttributeInfo(name=a.name, type=str(a.type), values=a.values)
            for a in attributes.values()
        ]
        plan = settle(mapping, table.header, declared)
        return cls(path, table, plan, attributes, everywhere(old, new))

    @property
    def missing(self) -> tuple[str, ...]:
        """The attributes nobody is known to have by this file, in the order of the books."""
        filled = {column.attribute for column in self.plan.columns}.union(self.plan.constants)
        return tuple(
            name
            for name in self.attributes
            if name not in filled and not name.startswith(_OF_THE_REQUEST)
        )

    def batches(self, now: Micros, reject: Callable[[Rejection], None]) -> Iterator[Batch]:
        """The customers, batch by batch; `reject` hears of every row that is left out."""
        reader = FrameReader(self.plan, self.attributes, reject)
        for ids, frame in reader.parts(self.table, self.path):
            moment = pl.Series(NOW, [now], pl.Int64).new_from_index(0, len(ids))
            yield Batch(ids, frame.with_columns(moment), self.visits)


def everywhere(old: RuleBook, new: RuleBook) -> tuple[Visit, ...]:
    """A visit to each placement of either book."""
    placements = {**new.placements, **old.placements, **new.placements}
    return tuple(Visit(p.channel, (p.placement_id,)) for p in placements.values())
