"""Differences between two rule books as a report for people and as JSON for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engine.comparison.counting import Counted, LeftOut
from engine.comparison.tally import ActionTally, PlacementTally
from engine.eligibility import show_moment
from engine.rulebook.changes import Change, Effect

_MOVES: Final = 5
"""How many moves from one first offer to another are told of each placement."""

_ATTRIBUTES: Final = 8
_COLOURS: Final = {
    Effect.LESS: "bold red",
    Effect.OTHER: "bold yellow",
    Effect.MEANING: "bold yellow",
    Effect.MORE: "bold green",
}
_DOUBTED: Final = frozenset({Effect.LESS, Effect.OTHER, Effect.MEANING})
_HEADINGS: Final = {
    Effect.LESS: "What asks less: more customers get through",
    Effect.OTHER: "What asks something else: look at these",
    Effect.MEANING: "What changed what it means: look at these",
    Effect.MORE: "What asks more: fewer customers get through",
    Effect.SAME: "What says the same in other words",
    Effect.ACTIONS: "Actions",
    Effect.WORTH: "Values and levers",
    Effect.TREATMENTS: "Treatments and texts",
    Effect.ATTRIBUTES: "Attributes",
    Effect.REST: "Everything else that is written otherwise",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell: the two books' directories, what changed, and who was counted, if anybody."""

    old: Path
    new: Path
    changes: Sequence[Change]
    counted: Counted | None

    @property
    def is_looser(self) -> bool:
        """Whether the new book asks less anywhere, or something of which that cannot be told."""
        return any(change.effect in _DOUBTED for change in self.changes)


# --- for people -----------------------------------------------------------------------------------


def as_parts(report: Report, *, verbose: bool = False) -> Iterator[RenderableType]:
    """The report, part by part: the rules in words, then the people."""
    yield Text.assemble(("Rules  ", "bold"), f"{report.old} → {report.new}")
    if not report.changes:
        yield "  Both say the same."
    for effect, changes in groupby(report.changes, attrgetter("effect")):
        yield ""
        yield Text(f"  {_HEADINGS[effect]}", _COLOURS.get(effect, "bold"))
        for change in changes:
            yield Padding(str(change), (0, 0, 0, 4), expand=False)
            if change.place:
                yield Text(f"      {_written_at(change, report)}", "dim")
    if report.counted is not None:
        yield ""
        yield from _people(report.counted, verbose=verbose)


def _written_at(change: Change, report: Report) -> str:
    """The place with the directory of the book it is in."""
    return f"{(report.old if change.gone else report.new) / change.place}"


def _people(counted: Counted, *, verbose: bool) -> Iterator[RenderableType]:
    tally, unit = counted.tally, counted.unit
    yield Text.assemble(("People  ", "bold"), f"{tally.rows:,} {unit} of {counted.source}")
    for count, said in (
        (tally.gaining, "gain at least one action"),
        (tally.losing, "lose at least one action"),
        (tally.changed, "would be shown something else in at least one place"),
    ):
        yield f"  {count:>12,}  {_share(count, tally.rows):>7}  {said}"
    concerned = sorted(tally.concerned(), key=lambda a: (-(a.gained + a.lost), a.action_id))
    if concerned:
        yield ""
        yield _actions(concerned, unit)
    for placement in tally.placements.values():
        if placement.changed or placement.reordered:
            yield from _placement(placement, unit)
    yield ""
    yield Text("How this was counted", "bold")
    for note in _notes(counted, verbose=verbose):
        yield Padding(f"· {note}", (0, 0, 0, 2), expand=False)


def _share(count: int, of: int) -> str:
    """A share in percent, never 0 or 100 where it is not.

    >>> _share(1, 3), _share(1, 100_000), _share(99_999, 100_000), _share(0, 0)
    ('33.3 %', '< 0.1 %', '> 99.9 %', '0 %')
    """
    if not count:
        return "0 %"
    percent = round(100 * count / of, 1)
    if percent == 0:
        return "< 0.1 %"
    return "> 99.9 %" if percent == 100 and count < of else f"{percent:g} %"


def _actions(actions: Sequence[ActionTally], unit: str) -> Table:
    """One line for each action that somebody gains or loses, or that is shown more or less often."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("action", overflow="fold")
    for heading in ("pass now", "would pass", "gain it", "lose it", "shown now", "would be shown"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(f"for example ({unit})" if unit == "customers" else "for example (customers)")
    for action in actions:
        examples = [f"+ {', '.join(action.gained_ids.ids)}"] if action.gained else []
        examples += [f"- {', '.join(action.lost_ids.ids)}"] if action.lost else []
        table.add_row(
            action.action_id,
            f"{action.before:,}",
            f"{action.after:,}",
            f"{action.gained:,}",
            f"{action.lost:,}",
            f"{action.shown_before:,}",
            f"{action.shown_after:,}",
            "\n".join(examples),
        )
    return table


def _placement(tally: PlacementTally, unit: str) -> Iterator[RenderableType]:
    said = f"{tally.changed:,} of {tally.rows:,} {unit} ({_share(tally.changed, tally.rows)})"
    ids = ", ".join(tally.ids.ids)
    yield ""
    yield Text.assemble(
        (f"{tally.placement}", "bold"),
        f"  something else for {said}" if tally.changed else "  the same for everybody",
        f", e.g. {ids}" if ids else "",
        f"; {tally.reordered:,} in another order" if tally.reordered else "",
    )
    for (was, becomes), count in tally.moves.most_common(_MOVES):
        yield f"  {count:>12,}  {becomes or 'nothing'} where {was or 'nothing'} came first"
    left = sum(tally.moves.values()) - sum(n for _, n in tally.moves.most_common(_MOVES))
    if left:
        yield f"  {left:>12,}  other moves"


def _notes(counted: Counted, *, verbose: bool) -> Iterator[str]:
    """What one must know to read the figures, in whole sentences."""
    if counted.now is not None:
        yield (
            f"Everybody is asked about at {show_moment(counted.now)}, in each placement on its own,"
            " by the values in the file."
        )
        yield (
            "The best always wins, by C · V · L: the model is not asked, so P is 1 and thresholds"
            " of propensity are not applied."
        )
    else:
        yield (
            "Each decision is made again by the values its rules saw. The best always wins; P is what"
            " the model said then or, of an action it was not asked about, the average of the log."
        )
    yield (
        "What customers did and were shown before is not looked at: contact policies, caps and"
        " influencers are left aside."
    )
    if counted.context:
        said = ", ".join(f"{name} = {value}" for name, value in counted.context.items())
        yield f"Every request says {said}."
    if counted.missing:
        names = ", ".join(counted.missing[:_ATTRIBUTES])
        more = len(counted.missing) - _ATTRIBUTES
        rest = f" and {more} more" if more > 0 else ""
        yield f"Conditions also read what the file does not have, as missing: {names}{rest}."
    yield from _gaps(counted)
    if verbose:
        for slow in counted.by_row:
            yield f"Answered row by row, for {slow.because}: {slow.text}"


def _gaps(counted: Counted) -> Iterator[str]:
    """What could not be counted."""
    if counted.foreign:
        yield (
            f"{counted.foreign:,} decisions were made by other rule books than these two (and the one"
            " kept beside the log), and are left out: nobody knows which value was which attribute's."
        )
    if counted.unseeing:
        yield f"{counted.unseeing:,} decisions were made without the rules, and are left out."
    if counted.left_out.count:
        yield f"{counted.left_out.count:,} mistakes; the rows they are in are left out:"
        for line in _mistakes(counted.left_out):
            yield f"  {line}"


def _mistakes(left_out: LeftOut) -> Iterator[str]:
    for one in left_out.first[:3]:
        column = f", column {one.column}" if one.column else ""
        value = f" '{one.value}'" if one.value else ""
        yield f"{left_out.unit} {one.number}{column}:{value} {one.message}"


# --- for programs ---------------------------------------------------------------------------------


def as_document(report: Report) -> dict[str, Any]:
    """`{"changes": […], "looser": bool, "people": {…} or null}`, of plain JSON values.

    Every action of either book is listed, also those nobody gains or loses.
    """
    return {
        "old": str(report.old),
        "new": str(report.new),
        "looser": report.is_looser,
        "changes": [_change(change) for change in report.changes],
        "people": None if report.counted is None else _counted(report.counted),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "effect": change.effect,
        "name": change.name,
        "message": change.message,
        "actions": list(change.actions),
        "file": change.file,
        "line": change.line,
        "column": change.column,
        "gone": change.gone,
    }


def _counted(counted: Counted) -> dict[str, Any]:
    tally = counted.tally
    return {
        "unit": counted.unit,
        "rows": tally.rows,
        "gaining": tally.gaining,
        "losing": tally.losing,
        "shown_something_else": tally.changed,
        "actions": [_action(action) for action in tally.actions.values()],
        "placements": [_at(placement) for placement in tally.placements.values()],
        "now": None if counted.now is None else show_moment(counted.now),
        "missing": list(counted.missing),
        "answered_by_row": [each._asdict() for each in counted.by_row],
        "mistakes": counted.left_out.count,
        "first_mistakes": list(_mistakes(counted.left_out)),
        "foreign_decisions": counted.foreign,
        "unseeing_decisions": counted.unseeing,
    }


def _action(action: ActionTally) -> dict[str, Any]:
    return {
        "action": action.action_id,
        "passes": {"old": action.before, "new": action.after},
        "gained": action.gained,
        "lost": action.lost,
        "shown": {"old": action.shown_before, "new": action.shown_after},
        "gained_ids": list(action.gained_ids.ids),
        "lost_ids": list(action.lost_ids.ids),
    }


def _at(placement: PlacementTally) -> dict[str, Any]:
    return {
        "placement": placement.placement,
        "rows": placement.rows,
        "changed": placement.changed,
        "reordered": placement.reordered,
        "ids": list(placement.ids.ids),
        "first_offers": [
            {"old": was or None, "new": becomes or None, "rows": count}
            for (was, becomes), count in placement.moves.most_common()
        ],
    }
