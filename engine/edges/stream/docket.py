"""The docket: which dead letters somebody has dealt with, as the topic itself remembers it.

A note in the topic of dead letters says what became of earlier ones. It comes after them, so retention
removes it after them; where the topic is made anew, nothing of an old one is believed of the new.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

import orjson

from engine.edges.kafka.messages import Record
from engine.edges.stream.letters import decode_dead_letter
from engine.errors import DamagedData
from engine.model import Micros

_KEY: Final = b""


class Outcome(StrEnum):
    """What became of a dead letter. Stored: never changes."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Fate(NamedTuple):
    """What became of a dead letter, and when."""

    outcome: Outcome
    at: Micros


class Docket:
    """Read off the records of the topic, each given to `take` once and in order.

    Attributes:
        fates: of letters that were dealt with, by their offsets; the newest of each.
        next: the offset behind what was read.
    """

    def __init__(self) -> None:
        self.fates: dict[int, Fate] = {}
        self.next = 0
        self._others: set[int] = set()

    def take(self, offset: int, value: bytes) -> None:
        """Takes note of a record: a letter, a note, or what is neither and nobody's to deal with."""
        self.next = offset + 1
        noted = _noted(value)
        if noted is not None:
            fate, offsets = noted
            self.fates |= dict.fromkeys((one for one in offsets if one < offset), fate)
        if noted is not None or not _is_letter(value):
            self._others.add(offset)

    def open(self, start: int, end: int) -> int:
        """How many letters from `start` to before `end` are open. What was not read yet counts as open.

        >>> docket = Docket()
        >>> docket.take(2, note([0], Fate(Outcome.DISCARDED, 7), "dead").value)
        >>> docket.open(0, 5), docket.open(1, 5)
        (3, 3)
        """
        gone = sum(start <= one < end for one in self.fates.keys() | self._others)
        return end - start - gone

    def forget(self, start: int) -> None:
        """Lets go of all before this offset, which retention has removed."""
        self.fates = {one: fate for one, fate in self.fates.items() if one >= start}
        self._others = {one for one in self._others if one >= start}


def note(offsets: Iterable[int], fate: Fate, topic: str) -> Record:
    """What is put into the topic of dead letters once these were dealt with."""
    told = {"dealt_with": list(_ranges(offsets)), "outcome": fate.outcome, "at": fate.at}
    return Record(topic, _KEY, orjson.dumps(told) + b"\n")


def _ranges(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of offsets.

    >>> list(_ranges([7, 3, 1, 2]))
    [(1, 3), (7, 7)]
    """
    found = sorted(set(offsets))
    breaks = [n for n, (one, other) in enumerate(pairwise(found), 1) if other > one + 1]
    for first, end in pairwise([0, *breaks, len(found)] if found else []):
        yield found[first], found[end - 1]


def _noted(value: bytes) -> tuple[Fate, Iterator[int]] | None:
    """The fate in a note, and whose it is; None if it is no note."""
    try:
        told = orjson.loads(value.partition(b"\n")[0])
        fate = Fate(Outcome(told["outcome"]), int(told["at"]))
        ranges = [range(first, last + 1) for first, last in told["dealt_with"]]
    except (ValueError, TypeError, KeyError):
        return None
    return fate, (offset for run in ranges for offset in run)


def _is_letter(value: bytes) -> bool:
    try:
        decode_dead_letter(value)
    except DamagedData:
        return False
    return True
