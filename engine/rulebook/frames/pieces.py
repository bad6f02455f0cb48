"""Pieces of polars expressions in three values: a value, null, or nothing that can be known."""

from dataclasses import dataclass, replace

import polars as pl

from engine.rulebook.cel.tree import BOOL, CelType


class NotExpressible(Exception):
    """A part of an expression that polars would not answer as the serving function does."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of an expression.

    Attributes:
        value: polars' null where there is no value, and where the value is CEL's null.
        type: the static type.
        null: true where the value is CEL's null, false elsewhere, never polars' null; None where
            it never is.
        not_nan: a double that is always a number.
        literal: written out, so that there always is a value.
    """

    value: pl.Expr
    type: CelType
    null: pl.Expr | None = None
    not_nan: bool = False
    literal: bool = False

    @property
    def known(self) -> "Piece":
        """The piece where a value is needed: null counts as none."""
        return replace(self, null=None)

    @property
    def there(self) -> pl.Expr:
        """Whether there is a value or null: false only where nothing is known."""
        has_value = self.value.is_not_null()
        return has_value if self.null is None else has_value | self.null


def nothing() -> pl.Expr:
    """No value at all."""
    return pl.lit(None)


def truth(value: pl.Expr) -> Piece:
    """A bool."""
    return Piece(value, BOOL)


def where(condition: pl.Expr, then: pl.Expr) -> pl.Expr:
    """`then` where the condition is true, and no value elsewhere."""
    return pl.when(condition).then(then)
