"""The rule books that decided, as the data directory keeps them, or a directory has them."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

from engine.edges.rules.kept import archived, read_kept
from engine.replay.replay import NoBook
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load


class KeptBooks:
    """Finds a book by its version: in `rules` if that is it, else among those kept in `data`."""

    def __init__(self, data: Path, rules: Path | None = None) -> None:
        self._data = data
        self._rules = rules
        self._given = _loaded(rules, rules) if rules else None

    def __call__(self, version: str) -> RuleBook:
        """The book of this version.

        Raises:
            NoBook: it is neither here nor there.
        """
        if self._given is not None and self._given.version == version:
            return self._given
        kept = archived(self._data, version)
        if kept is None:
            raise NoBook(self._missing(version))
        try:
            book = _loaded(kept, read_kept(kept))
        except (OSError, BadZipFile) as error:
            raise NoBook(f"{kept} cannot be read: {error}") from error
        if book.version != version:
            raise NoBook(f"{kept} holds another book ({book.version}): it was changed")
        return book

    def _missing(self, version: str) -> str:
        other = f", and {self._rules} is {self._given.version}" if self._given else ""
        return (
            f"rule book {version} is not kept in {self._data}{other}:"
            " name a directory that has its files as they were with --rules"
        )


def _loaded(name: Path, source: Path | Mapping[str, bytes]) -> RuleBook:
    loaded = load(source)
    if loaded.book is None:
        raise NoBook(f"{name} has mistakes: {loaded.errors[0]}")
    return loaded.book
