"""What is written otherwise in two files: key by key, whatever the keys mean."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from engine.rulebook.loosening_words import quoted
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar
from engine.rulebook.parse import parse
from engine.rulebook.report import Place, Report

_POLICIES: Final = "policies.yaml"
_LEVERS: Final = "levers.csv"
_NAMING: Final = ("id", "name", "when", "on", "channel", "issue", "group", "action")
"""The keys that say what an item of a list is about; the others say what of it."""


class Rewritten(NamedTuple):
    """Something that is written otherwise: its path in the file (`caps.day.at_most`), in words, where.

    `gone` if it stands in the old file only, and `place` is its place there.
    """

    path: str
    message: str
    place: Place
    gone: bool = False


def rewritten_files(
    old: Mapping[str, bytes], new: Mapping[str, bytes]
) -> Iterator[tuple[str, Rewritten]]:
    """Everything that is written otherwise in policies.yaml and levers.csv of two valid books."""
    was_written, now_written = (parse(_POLICIES, f[_POLICIES], Report()) for f in (old, new))
    for one in rewritten(was_written, now_written):
        yield _POLICIES, one
    before, after = (_levers(files.get(_LEVERS, b"")) for files in (old, new))
    for action in dict.fromkeys((*after, *before)):
        was, now = before.get(action), after.get(action)
        if was is None and now is not None:
            yield (
                _LEVERS,
                Rewritten(action, f"has a row in levers.csv now: {_cells(now.cells)}", now.place),
            )
        elif now is None and was is not None:
            said = f"has no row in levers.csv any more; it was {_cells(was.cells)}"
            yield _LEVERS, Rewritten(action, said, was.place, gone=True)
        elif now is not None and was is not None:
            for column in dict.fromkeys((*now.cells, *was.cells)):
                said, said_before = now.cells.get(column, ""), was.cells.get(column, "")
                if said != said_before:
                    message = f"has {quoted(said)} as {column} in levers.csv; it was {quoted(said_before)}"
                    yield _LEVERS, Rewritten(action, message, now.place)


class _Line(NamedTuple):
    """A line of levers.csv: its cells by column, and where it stands."""

    cells: Mapping[str, str]
    place: Place


def _levers(content: bytes) -> Mapping[str, _Line]:
    """The lines by action, a second one for the same action under `action (2)`."""
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True)
    found: dict[str, _Line] = {}
    for row in reader:
        cells = {str(column): str(cell or "").strip() for column, cell in row.items()}
        name = action = cells.get("action_id", "")
        count = 1
        while name in found:
            count += 1
            name = f"{action} ({count})"
        found[name] = _Line(cells, Place(_LEVERS, reader.line_num, 1))
    return found


def _cells(cells: Mapping[str, str]) -> str:
    return ", ".join(f"{column} {cell}" for column, cell in cells.items() if cell)


def rewritten(old: Node | None, new: Node | None, path: str = "") -> Iterator[Rewritten]:
    """Everything that is written otherwise, in the order of the new file, then what is gone.

    Items of lists are known by what they are about (`id`, `when`, `group`, …), else by all that is
    written in them; their order does not matter.
    """
    if old is None or new is None:
        if new is not None:
            yield Rewritten(path, f"is new: {shown(new)}", _place(new))
        elif old is not None:
            yield Rewritten(path, f"is gone; it was {shown(old)}", _place(old), gone=True)
        return
    if isinstance(old, Scalar) and isinstance(new, Scalar):
        if old.text.strip() != new.text.strip():
            yield Rewritten(path, f"is {shown(new)}; it was {shown(old)}", new.place)
        return
    before, after = _entries(old), _entries(new)
    if before is None or after is None or type(old) is not type(new):
        if shown(old) != shown(new):
            yield Rewritten(path, f"is {shown(new)}; it was {shown(old)}", _place(new))
        return
    for key in (*after, *(key for key in before if key not in after)):
        inner = f"{path}[{key}]" if isinstance(new, ListNode) else f"{path}.{key}".lstrip(".")
        yield from rewritten(before.get(key), after.get(key), inner)


def _entries(node: Node) -> Mapping[str, Node] | None:
    match node:
        case MapNode():
            return {key: value for key, (_, value) in node.entries.items()}
        case ListNode():
            return {_name(item): item for item in node.items}
        case _:
            return None


def _name(item: Node) -> str:
    """What an item of a list is known by."""
    if not isinstance(item, MapNode):
        return shown(item)
    names = [shown(item.entries[key][1]) for key in _NAMING if key in item.entries]
    return ", ".join(names) or shown(item)


def shown(node: Node) -> str:
    """What is written, on one line."""
    match node:
        case Scalar():
            return quoted(node.text) if isinstance(node.value, str) else node.text.strip()
        case ListNode():
            return f"[{', '.join(map(shown, node.items))}]"
        case MapNode():
            pairs = (f"{key}: {shown(value)}" for key, (_, value) in node.entries.items())
            return f"{{{', '.join(pairs)}}}"


def _place(node: Node) -> Place:
    return node.place
