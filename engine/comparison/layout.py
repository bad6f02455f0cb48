"""Layout: one frame with the columns that two rule books read, each filled as that book declares it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from engine.customer import absent
from engine.model import UNKNOWN, Value
from engine.rulebook.book import Attribute, RuleBook
from engine.rulebook.frames import Column, series_of

CHANNEL: Final = "request.channel"
PLACEMENT: Final = "request.placement"
PLACE: Final = frozenset({CHANNEL, PLACEMENT})
"""What depends on where the offer is to be shown."""

NOW: Final = "now"
"""The column that says when each row is asked about, as microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of two books. Attributes that both declare alike are one column.

    What is missing takes the attribute's default, else it is null where the attribute is nullable,
    else unknown: as `engine.customer.Knowledge` has it. A value of another type than declared counts
    as missing.
    """

    old: tuple[Column, ...]
    new: tuple[Column, ...]
    attributes: Mapping[str, Attribute]
    """The attribute each column is filled for, by the column's name."""

    @classmethod
    def of(cls, old: RuleBook, new: RuleBook) -> "Layout":
        """The layout for these books."""
        attributes: dict[str, Attribute] = {}
        return cls(
            _columns(old, new, "old", attributes), _columns(new, old, "new", attributes), attributes
        )

    def filled(
        self, given: pl.DataFrame, context: Mapping[str, Value] | None = None
    ) -> pl.DataFrame:
        """The columns of both books, from one column for each known attribute, named like it.

        `given` has the column `NOW`. `context` wins over what is given.
        """
        return given.select(
            pl.col(NOW),
            *(
                self._column(name, attribute, given, context or {})
                for name, attribute in self.attributes.items()
                if name != NOW
            ),
        )

    @staticmethod
    def _column(
        name: str, attribute: Attribute, given: pl.DataFrame, context: Mapping[str, Value]
    ) -> pl.Expr:
        column = Column(name, attribute.type, attribute.nullable)
        constant = context.get(attribute.name)
        if constant is not None:
            return _everywhere(column, constant)
        blank = _everywhere(column, absent(attribute))
        dtype = series_of(column, [])[0].dtype
        if attribute.name not in given.columns or given.schema[attribute.name] != dtype:
            return blank
        value = pl.col(attribute.name)
        if absent(attribute) in (None, UNKNOWN):
            return value.alias(name)
        return pl.when(value.is_not_null()).then(value).otherwise(blank).alias(name)

    def at(self, frame: pl.DataFrame, channel: str, placement: str) -> pl.DataFrame:
        """The frame as seen from a placement."""
        here = {CHANNEL: channel, PLACEMENT: placement}
        return frame.with_columns(
            pl.lit(here[attribute.name], pl.String).alias(name)
            for name, attribute in self.attributes.items()
            if attribute.name in here
        )


def _columns(
    book: RuleBook, other: RuleBook, which: str, attributes: dict[str, Attribute]
) -> tuple[Column, ...]:
    found = []
    for attribute in book.attributes:
        at = other.index.get(attribute.name)
        alike = at is None or _filling(attribute) == _filling(other.attributes[at])
        name = attribute.name if alike or attribute.name == NOW else f"{attribute.name} ({which})"
        attributes[name] = attribute
        found.append(Column(name, attribute.type, attribute.nullable))
    return tuple(found)


def _filling(attribute: Attribute) -> tuple[object, ...]:
    """What a column of the attribute depends on."""
    return attribute.type, attribute.nullable, absent(attribute), type(absent(attribute))


def _everywhere(column: Column, value: Value) -> pl.Expr:
    """The same value in every row."""
    return pl.lit(series_of(column, [value])[0]).first().alias(column.name)
