"""Traffic: decisions that were recorded, as batches to compare two books by.

Each row is one decision: the attribute values the rules saw then, the placements it was asked for
together, and the propensities the model gave.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.codec import DecisionRecord
from engine.comparison.judgement import Numbers
from engine.comparison.layout import NOW
from engine.comparison.outlook import Batch, Visit
from engine.comparison.propensities import Averages, Recorded
from engine.edges.journal.decisions import recorded
from engine.model import ActionId, Decision, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.frames import column_of, series_of

ROWS: Final = 32_768
"""Decisions of one batch."""


@dataclass(slots=True)
class _Group:
    """Decisions of one book that asked for the same; `asked` if the model was asked."""

    book: RuleBook
    visit: Visit
    asked: bool
    ids: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[Sequence[Value]] = field(default_factory=list)
    propensities: list[Numbers] = field(default_factory=list)


@dataclass(slots=True)
class Traffic:
    """The decisions recorded in a file that were made by one of these books, by version.

    Only a book knows which value is which attribute's: decisions of other books are counted in
    `foreign`. Those made without the rules, because time ran out, saw nothing: `unseeing` counts them.
    `told` hears of every decision read.
    """

    path: Path
    books: Mapping[str, RuleBook]
    told: Callable[[], None] = lambda: None
    foreign: int = 0
    unseeing: int = 0

    def averages(self) -> Averages:
        """Reads the whole file for the average propensities; 1 where none was ever recorded."""
        sums: dict[ActionId, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for record, book in self._readable():
            known = _propensities(record.decision, len(book.actions))
            for index in np.flatnonzero(~np.isnan(known)):
                total = sums[book.actions[index].action_id]
                total[0] += float(known[index])
                total[1] += 1
        everything = [sum(part) for part in zip(*sums.values(), strict=True)] or [1.0, 1.0]
        return Averages(
            {action: total / count for action, (total, count) in sums.items()},
            everything[0] / everything[1],
        )

    def batches(self, averages: Averages) -> Iterator[Batch]:
        """The decisions, batch by batch: each of those that one book made of the same question."""
        groups: dict[tuple[str, Visit, bool], _Group] = {}
        self.foreign = self.unseeing = 0
        for record, book in self._readable(count=True):
            question, decision = record
            visit = Visit(question.channel, question.placements, question.max_offers)
            known = _propensities(decision, len(book.actions))
            asked = any(contest.propensities is not None for contest in decision.contests)
            key = book.version, visit, asked
            group = groups.setdefault(key, _Group(book, visit, asked))
            group.ids.append(question.customer_id)
            group.times.append(decision.decided_at)
            group.values.append(decision.values)
            group.propensities.append(known)
            if len(group.ids) >= ROWS:
                yield _batch(groups.pop(key), averages)
        for group in groups.values():
            yield _batch(group, averages)

    def _readable(self, *, count: bool = False) -> Iterator[tuple[DecisionRecord, RuleBook]]:
        for record in recorded(self.path):
            self.told()
            book = self.books.get(record.decision.rulebook_version)
            if book is not None and len(record.decision.values) == len(book.attributes):
                yield record, book
            elif count and record.decision.values:
                self.foreign += 1
            elif count:
                self.unseeing += 1


def _propensities(decision: Decision, actions: int) -> Numbers:
    """The propensity of each action, NaN where the model was not asked."""
    known = np.full(actions, np.nan)
    for contest in decision.contests:
        if contest.propensities is not None:
            np.copyto(known, contest.propensities, where=~np.isnan(contest.propensities))
    return known


def _batch(group: _Group, averages: Averages) -> Batch:
    columns = [pl.Series(NOW, group.times, pl.Int64)]
    for attribute, values in zip(
        group.book.attributes, zip(*group.values, strict=True), strict=True
    ):
        if attribute.name != NOW:
            columns += series_of(column_of(attribute), values)
    recorded_for = None
    if group.asked:
        known = np.stack(group.propensities)
        by_action = {a.action_id: known[:, a.index] for a in group.book.actions}
        recorded_for = Recorded(by_action, averages, group.book.version)
    ids = pl.Series(group.ids, dtype=pl.String)
    return Batch(ids, pl.DataFrame(columns), (group.visit,), recorded_for)
