"""What somebody may be offered more or less of: anything at all, an issue, a group, an action."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.fairness.people import Person
from engine.rulebook.book import RuleBook

Places = npt.NDArray[np.intp]


class Subject(NamedTuple):
    """`level` is all, issue, group or action; `name` its id, empty for all."""

    level: str
    name: str

    def __str__(self) -> str:
        return f"{self.level} {self.name}" if self.name else "anything"


class Chosen(NamedTuple):
    """The customers (places in the list of persons) who were offered, shown and took a subject."""

    offered: Places
    shown: Places
    took: Places


def chosen(persons: Sequence[Person], book: RuleBook) -> dict[Subject, Chosen]:
    """For every subject that anybody was offered, by whom; subjects in the order of the hierarchy.

    Actions that the book no longer has count under anything, but have no issue and no group.
    """
    above = {str(a.action_id): tuple(_above(a.issue, a.group)) for a in book.actions}
    found: dict[Subject, tuple[dict[int, None], dict[int, None], dict[int, None]]] = {}
    for place, person in enumerate(persons):
        for side, actions in enumerate((person.offered, person.shown, person.took)):
            for action in actions:
                for subject in _subjects(action, above):
                    found.setdefault(subject, ({}, {}, {}))[side][place] = None
    ordered = sorted(found, key=lambda one: (_LEVELS.index(one.level), one.name))
    return {subject: Chosen(*map(_places, found[subject])) for subject in ordered}


def _above(issue: str, group: str) -> Iterator[Subject]:
    yield Subject("issue", issue)
    yield Subject("group", group)


def _subjects(action: str, above: Mapping[str, tuple[Subject, ...]]) -> Iterator[Subject]:
    yield Subject("all", "")
    yield from above.get(action, ())
    yield Subject("action", action)


def _places(found: Mapping[int, None]) -> Places:
    return np.fromiter(found, dtype=np.intp, count=len(found))


_LEVELS = ("all", "issue", "group", "action")
