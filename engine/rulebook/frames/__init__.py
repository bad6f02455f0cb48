"""Conditions over many customers at once: checked expressions as polars expressions over frames.

A frame has one column for each attribute. What polars cannot say exactly as the serving function
would is answered by the serving function itself, row by row (`conditions.Answers.by_row` names it).
"""

from engine.rulebook.frames.columns import Column, column_of, series_of
from engine.rulebook.frames.conditions import Answers, Asked

__all__ = ["Answers", "Asked", "Column", "column_of", "series_of"]
