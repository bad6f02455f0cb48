"""Whether there can be a customer for whom all of these clauses turn out as wanted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.model import Value
from engine.rulebook.book import Truth
from engine.rulebook.cel.tree import BOOL, Constant
from engine.rulebook.logic.clauses import Clause, Clauses, Test
from engine.rulebook.logic.domains import Mark

MOST_TRIALS: Final = 4_000
"""Combinations tried before a question is left open."""
MOST_IN_ALL: Final = 3_000_000
"""Values and clauses tried for a whole book before the rest is left open: some seconds."""
_MOST_SUBJECTS: Final = 100


class Want(NamedTuple):
    """A clause and the truths it may have."""

    clause: Clause
    truths: tuple[Truth, ...]


def equal(subject: int, value: str) -> Want:
    """A subject that is this text."""

    def test(values: Mapping[int, Value]) -> tuple[Truth]:
        return (values[subject] == value,)

    clause = Clause(Constant(BOOL, 0, value=True), (subject,), {subject: frozenset({value})}, test)
    return Want(clause, (True,))


def true(clauses: Iterable[Clause]) -> list[Want]:
    """All of them true."""
    return [Want(clause, (True,)) for clause in clauses]


class _OutOfTrials(Exception):
    """Raised when a question takes too long."""


@dataclass(slots=True)
class Search:
    """Tries values of the clauses' subjects; sound, since the values tried stand for all others.

    What has been found out once is known from then on.
    """

    clauses: Clauses
    left: int = MOST_IN_ALL
    _trials: int = 0
    _known: dict[frozenset[tuple[Test | None, tuple[Truth, ...]]], bool] = field(
        default_factory=dict
    )

    def impossible(self, wants: Sequence[Want]) -> bool:
        """Whether no values at all give every clause a truth it may have.

        False if there are such values, or if it takes too many trials to know.
        """
        self.left -= len(wants)
        return any(map(self._part_is_impossible, _parts(wants)))

    def _part_is_impossible(self, wants: Sequence[Want]) -> bool:
        key = frozenset((want.clause.test, want.truths) for want in wants)
        if key not in self._known:
            if self.left <= 0:
                return False
            self._known[key] = self._tried(wants)
        return self._known[key]

    def _tried(self, wants: Sequence[Want]) -> bool:
        cells = self._cells(wants)
        self._trials = 0
        self.left -= sum(map(len, cells.values()))
        several = []
        try:
            for want in wants:
                if len(want.clause.subjects) > 1:
                    several.append(want)
                elif not self._narrowed(want, cells):
                    return True
            return not self._found(several, cells)
        except _OutOfTrials:
            return False
        finally:
            self.left -= self._trials

    def _cells(self, wants: Sequence[Want]) -> dict[int, tuple[Value, ...]]:
        marks: dict[int, set[Mark]] = {}
        for want in wants:
            for subject in want.clause.subjects:
                marks.setdefault(subject, set()).update(want.clause.marks.get(subject, ()))
        return {s: self.clauses.domains[s].cells(found) for s, found in marks.items()}

    def _narrowed(self, want: Want, cells: dict[int, tuple[Value, ...]]) -> bool:
        """Leaves the values under which a clause of one subject, or none, is as wanted."""
        if not want.clause.subjects:
            return self._is_as_wanted(want, {})
        (subject,) = want.clause.subjects
        cells[subject] = tuple(
            value for value in cells[subject] if self._is_as_wanted(want, {subject: value})
        )
        return bool(cells[subject])

    def _is_as_wanted(self, want: Want, values: Mapping[int, Value]) -> bool:
        self._trials += 1
        if self._trials > MOST_TRIALS:
            raise _OutOfTrials
        return want.clause.test is None or want.clause.test(values)[0] in want.truths

    def _found(self, wants: Sequence[Want], cells: Mapping[int, tuple[Value, ...]]) -> bool:
        """Whether some values of the cells suit all clauses, which have several subjects."""
        order = list(dict.fromkeys(s for want in wants for s in want.clause.subjects))
        if len(order) > _MOST_SUBJECTS:
            raise _OutOfTrials
        due: list[list[Want]] = [[] for _ in order]
        for want in wants:
            due[max(order.index(s) for s in want.clause.subjects)].append(want)
        return self._completed(order, due, cells, {})

    def _completed(
        self,
        order: Sequence[int],
        due: Sequence[Sequence[Want]],
        cells: Mapping[int, tuple[Value, ...]],
        chosen: dict[int, Value],
    ) -> bool:
        if len(chosen) == len(order):
            return True
        at = len(chosen)
        for value in cells[order[at]]:
            chosen[order[at]] = value
            if all(self._is_as_wanted(want, chosen) for want in due[at]) and self._completed(
                order, due, cells, chosen
            ):
                return True
            del chosen[order[at]]
        return False


def _parts(wants: Sequence[Want]) -> list[list[Want]]:
    """The wants in parts that have no subject in common: each can be met or not by itself."""
    above: dict[int, int] = {}

    def root(subject: int) -> int:
        while (parent := above.setdefault(subject, subject)) != subject:
            above[subject] = subject = above[parent]
        return subject

    for want in wants:
        for subject in want.clause.subjects[1:]:
            above[root(subject)] = root(want.clause.subjects[0])
    parts: dict[int, list[Want]] = {}
    for want in wants:
        parts.setdefault(root(want.clause.subjects[0]) if want.clause.subjects else -1, []).append(
            want
        )
    return list(parts.values())


def core(
    wants: Sequence[Sequence[Want]], impossible: Callable[[Sequence[Want]], bool]
) -> list[int]:
    """Of parts that are impossible together, the indexes of some that already are; none to spare.

    Parts that come first are kept longest out: of two that would do, the later one is named.
    """
    kept = list(range(len(wants)))
    for index in range(len(wants)):
        rest = [i for i in kept if i != index]
        if impossible([want for i in rest for want in wants[i]]):
            kept = rest
    return kept
