"""The keys of one mapping: each asked for once, with its reader; what nobody asked for is unknown."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

from engine.rulebook.names import IDENTIFIER, did_you_mean, nearest
from engine.rulebook.nodes import MapNode, Node, Scalar, described, shortened
from engine.rulebook.readers import Reader, identifier_problem
from engine.rulebook.report import Mistake, Place, Report

T = TypeVar("T")
F = TypeVar("F")
_FEW = 5
_PLURAL = frozenset({"the texts", "consents", "caps"})


class Fields:
    """Reads one mapping key by key, reporting instead of raising.

    A key that is absent or wrong yields the filler its reader was asked with, so that reading goes
    on; if it is wrong or required, the report then has an error and no book is made of it. A key with
    nothing under it, or null, is as good as absent. `place` is where a missing key is reported: by
    default where the mapping begins.
    """

    def __init__(self, node: Node, report: Report, what: str, place: Place | None = None) -> None:
        self.report = report
        self.place = place or node.place
        self._what = what
        self._node = node
        self._asked: list[str] = []
        self._required: list[str] = []
        self._entries: dict[str, tuple[Scalar, Node]] = {}
        self._whole = isinstance(node, MapNode) and node.whole
        self._emptied = node.emptied if isinstance(node, MapNode) else frozenset()
        if isinstance(node, MapNode):
            self._entries = node.entries
        else:
            report.error(node.place, f"expected the keys of {what}, found {described(node)}")

    def __contains__(self, key: str) -> bool:
        return key in self._entries and not is_nothing(self._entries[key][1])

    def node(self, key: str) -> Node | None:
        """What stands under a key; None if the key is absent or there is nothing under it."""
        if self.report.watch:
            self.report.watch.asked(self._node, key, None)
        self._asked.append(key)
        return self._entries[key][1] if key in self else None

    def place_of(self, key: str) -> Place:
        """Where the value of a key begins; the mapping's own place if the key is absent."""
        entry = self._entries.get(key)
        return entry[1].place if entry else self.place

    def key_place(self, key: str) -> Place:
        """Where a key stands; the mapping's own place if it is absent."""
        entry = self._entries.get(key)
        return entry[0].place if entry else self.place

    def stands(self, key: str) -> bool:
        """Whether a key stands here, even with nothing under it."""
        return key in self._entries

    def refuse_nothing(self, key: str, instead: str) -> None:
        """Reports a key that stands with nothing under it, where that would mean as much as all."""
        if self.stands(key) and key not in self and self._whole:
            said = f"'{key}' says nothing: write {instead} or leave the key out"
            self.report.error(self.key_place(key), said)

    def take(self, key: str, reader: Reader[T], filler: F) -> T | F:
        """The value of an optional key."""
        node = self.node(key)
        if self.report.watch:
            self.report.watch.asked(self._node, key, reader)
        if node is None:
            return filler
        try:
            return reader(node)
        except Mistake as mistake:
            self.report.mistake(mistake)
            return filler

    def take_null(self, key: str, reader: Reader[T], filler: F) -> T | F:
        """The value of an optional key for which a written null is a value like any other."""
        entry = self._entries.get(key)
        if key in self or entry is None or not (isinstance(entry[1], Scalar) and entry[1].text):
            return self.take(key, reader, filler)
        self._asked.append(key)
        if self.report.watch:
            self.report.watch.asked(self._node, key, reader)
        try:
            return reader(entry[1])
        except Mistake as mistake:
            self.report.mistake(mistake)
            return filler

    def need(self, key: str, reader: Reader[T], filler: F) -> T | F:
        """The value of a required key."""
        self.require(key)
        return self.take(key, reader, filler)

    def require(self, key: str) -> None:
        """Makes a key required; `close` reports it if it is missing."""
        self._required.append(key)
        if self.report.watch:
            self.report.watch.required(self._node, key)

    def close(self) -> None:
        """Reports the keys that nobody asked for, and those that are required and missing."""
        for name, (key, _) in self._entries.items():
            if name not in self._asked:
                hint = self._meant(name)
                message = f"unknown key '{shortened(name)}' in {self._what}.{hint}"
                self.report.error(key.place, message)
        for name in self._required:
            if name in self._entries and name not in self:
                place = self._entries[name][1].place
                said = f"there is nothing under '{name}': {self._what} {self._need} it"
                self.report.error(place, said)
            elif self._whole and not (name in self or name in self._emptied or self.misspelt(name)):
                self.report.error(self.place, f"{self._what} {self._need} the key '{name}'")

    def misspelt(self, key: str) -> bool:
        """Whether a key that is absent seems to be there under a misspelt name."""
        strangers = (name for name in self._entries if name not in self._asked)
        return key not in self._entries and any(_alike(name, key) for name in strangers)

    def lost(self, key: str) -> bool:
        """Whether a key that is absent may only be lost by another mistake."""
        if key in self._emptied or self.misspelt(key):
            return True
        words = () if self._whole else self.report.lost.get(self.place.file, ())
        return key not in self._entries and key in words

    @property
    def _need(self) -> str:
        return "need" if self._what in _PLURAL else "needs"

    def _meant(self, name: str) -> str:
        """What an unknown key may have been meant to be: rather a key that is absent."""
        absent = [key for key in self._asked if key not in self._entries]
        near = did_you_mean(name, absent) or did_you_mean(name, self._asked)
        known = dict.fromkeys(self._asked)
        return near or (f" Known: {', '.join(known)}." if len(known) <= _FEW else "")


@lru_cache(maxsize=4096)
def _alike(name: str, key: str) -> bool:
    """Whether a name may be a key misspelt."""
    return nearest(name, [key]) is not None


def name_problem(name: str) -> str | None:
    """What keeps a word from being a name; None if nothing does."""
    return None if IDENTIFIER.fullmatch(name) else identifier_problem(name)


def is_nothing(node: Node) -> bool:
    """Whether nothing is written, or null."""
    return isinstance(node, Scalar) and node.value is None and not node.style


def named(
    node: Node | None,
    report: Report,
    what: str,
    problem_of: Callable[[str], str | None] = name_problem,
) -> Iterator[tuple[str, Scalar, Node]]:
    """The entries of a mapping of names (issues, groups, …): name, its key, what stands under it.

    `problem_of` says what is wrong with a name.
    """
    if node is None:
        return
    if report.watch:
        report.watch.named(node, what)
    if not isinstance(node, MapNode):
        report.error(node.place, f"expected {what} by name, found {described(node)}")
        return
    for name, (key, value) in node.entries.items():
        if problem := problem_of(name):
            report.error(key.place, problem)
        yield name, key, value
