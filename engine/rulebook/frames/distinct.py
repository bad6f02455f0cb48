"""A Python function of one value, asked once for each distinct value of a column."""

from collections.abc import Callable
from typing import Any

import polars as pl


def by_distinct(value: pl.Expr, function: Callable[[Any], Any], dtype: pl.DataType) -> pl.Expr:
    """What `function` answers; null where there is no value and where it answers None.

    Not for doubles, of which 0.0 and -0.0 count as one here.
    """

    def answers(column: pl.Series) -> pl.Series:
        asked = column.drop_nulls().unique()
        told = pl.Series([function(each) for each in asked], dtype=dtype)
        return column.replace_strict(asked, told, default=None, return_dtype=dtype)

    return value.map_batches(answers, dtype, is_elementwise=True)
