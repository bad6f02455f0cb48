"""Plants mistakes in a copy of the base book and says where each must be reported."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

BASE: Final = Path(__file__).parent / "base"
MARK: Final = "‸"
_FIRST_PRIVATE: Final = 0xE000


@dataclass(frozen=True, slots=True)
class Plant:
    """One mistake somebody could make.

    `old`, which stands exactly once in the base book's `file`, becomes `new`; an empty `old` makes
    a new file of `new`. `‸` in `new` stands before the character at which the mistake must be
    reported; where two places are as good as each other for the reader, both are marked. `says` are
    what the message must contain. `alone`: it hides other mistakes in the book, or is hidden by them.
    """

    name: str
    file: str
    old: str
    new: str
    says: tuple[str, ...]
    alone: bool = field(default=False, kw_only=True)


class Expected(NamedTuple):
    """What must be reported once: at one of `places` (line, column) of `file`, saying all of `says`."""

    plant: str
    file: str
    places: frozenset[tuple[int, int]]
    says: tuple[str, ...]


def plant(mistakes: Sequence[Plant], folder: Path) -> list[Expected]:
    """Writes the base book with these mistakes into `folder`; what must be reported."""
    texts = _base()
    for number, mistake in enumerate(mistakes):
        new = mistake.new.replace(MARK, chr(_FIRST_PRIVATE + number))
        if mistake.old:
            assert texts[mistake.file].count(mistake.old) == 1, f"{mistake.name}: no such one spot"
            texts[mistake.file] = texts[mistake.file].replace(mistake.old, new)
        else:
            assert mistake.file not in texts, f"{mistake.name}: {mistake.file} is there already"
            texts[mistake.file] = new
    expected = []
    for number, mistake in enumerate(mistakes):
        places = _places(texts[mistake.file], chr(_FIRST_PRIVATE + number))
        assert places, f"{mistake.name}: another plant took its place"
        expected.append(Expected(mistake.name, mistake.file, places, mistake.says))
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(c for c in text if not _is_private(c)), "utf-8")
    return expected


def that_fit_together(mistakes: Iterable[Plant]) -> list[Plant]:
    """As many of these as can be planted in one book without touching each other."""
    texts = _base()
    chosen = []
    for mistake in mistakes:
        if mistake.alone or (mistake.old and texts[mistake.file].count(mistake.old) != 1):
            continue
        if mistake.old:
            taken = "\x00" * len(mistake.old)
            texts[mistake.file] = texts[mistake.file].replace(mistake.old, taken)
        elif mistake.file in texts:
            continue
        texts.setdefault(mistake.file, "")
        chosen.append(mistake)
    return chosen


def _base() -> dict[str, str]:
    return {
        str(path.relative_to(BASE)): path.read_text("utf-8")
        for path in sorted(BASE.rglob("*"))
        if path.is_file()
    }


def _places(text: str, mark: str) -> frozenset[tuple[int, int]]:
    return frozenset(
        (line, _visible(content[:at]) + 1)
        for line, content in enumerate(text.split("\n"), start=1)
        for at, character in enumerate(content)
        if character == mark
    )


def _visible(text: str) -> int:
    return sum(not _is_private(character) for character in text)


def _is_private(character: str) -> bool:
    return "\ue000" <= character <= "\uf8ff"
