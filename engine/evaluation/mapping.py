"""The mapping: which column of somebody's log is what, as its owner wrote it or as a preset knows it.

A mapping file looks like this; all but the first three keys are optional:

    action: item_id           # which action was chosen
    reward: click             # what it earned: a number, or true and false
    probability: pscore       # with which it was chosen, above 0 and at most 1; or a number, like 1/3
    slot: position            # where it stood
    customer: user_id         # whose choices are not independent of each other
    candidates: offered       # what could be chosen: a list, or words parted by ";"
    context: [user_*, plan]   # what the reward model learns from; by default all other columns
    actions: [a, b, c]        # actions that could be chosen, though the log may never show them
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

from engine.errors import InvalidInput, Violation
from engine.imports.mapping import MappingMistakes
from engine.rulebook.fields import Fields
from engine.rulebook.names import did_you_mean
from engine.rulebook.parse import parse
from engine.rulebook.readers import as_written, list_of
from engine.rulebook.report import Report


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a log by what they mean; "" for what it does not have.

    `context` are patterns as in file names. `actions` are names and no columns. `constant` is the
    probability of every choice, where `probability` is no column but that number.
    """

    action: str
    reward: str
    probability: str
    slot: str = ""
    customer: str = ""
    candidates: str = ""
    context: tuple[str, ...] = ("*",)
    actions: tuple[str, ...] = ()
    constant: float | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The columns it names, those that are left empty left out."""
        return tuple(filter(None, (self.action, self.reward, self.probability, *self.optional)))

    @property
    def optional(self) -> tuple[str, str, str]:
        """The columns a log may lack."""
        return self.slot, self.customer, self.candidates

    def context_among(self, header: Sequence[str]) -> list[str]:
        """The columns that the patterns of `context` choose, besides those named already."""
        return [
            name
            for name in header
            if name not in self.named and any(fnmatchcase(name, p) for p in self.context)
        ]

    def without_absent(self, header: Sequence[str]) -> Self:
        """The same, without the optional columns that a table does not have."""
        slot, customer, candidates = (name if name in header else "" for name in self.optional)
        return replace(self, slot=slot, customer=customer, candidates=candidates)


PRESETS: Final = {
    "attune": Columns("action", "reward", "probability", "slot", "customer", "candidates"),
    "obd": Columns(
        "item_id", "click", "propensity_score", slot="position", context=("user_feature_*",)
    ),
}
"""Mappings known by name: Attune's own decision log, and the Open Bandit Dataset (arXiv 2008.07146)."""


def columns_for(header: Sequence[str], wanted: str) -> Columns:
    """The mapping of a table with this header: a preset's name or a file; "" finds the preset out.

    Raises:
        InvalidInput: a column is not in the table, or no preset fits.
        MappingMistakes: every mistake in the file, with its place.
    """
    if wanted and wanted not in PRESETS:
        columns = _read(Path(wanted))
    else:
        columns = _preset(header, wanted).without_absent(header)
    constant = _number(columns.probability)
    if constant is not None and columns.probability not in header:
        columns = replace(columns, probability="", constant=constant)
    absent = [name for name in columns.named if name not in header]
    if absent:
        raise InvalidInput(
            [
                Violation("--map", f"the log has no column '{name}'.{did_you_mean(name, header)}")
                for name in absent
            ]
        )
    return columns


def _preset(header: Sequence[str], name: str) -> Columns:
    if name:
        return PRESETS[name]
    for preset in PRESETS.values():
        if {preset.action, preset.reward, preset.probability} <= set(header):
            return preset
    known = "; ".join(
        f"{preset}: {columns.action}, {columns.reward}, {columns.probability}"
        for preset, columns in PRESETS.items()
    )
    raise InvalidInput(
        [
            Violation(
                "--map",
                "which column is the action, which the reward, which the probability it was chosen"
                f" with? Write a mapping file, e.g. {{action: offer, reward: sold, probability: p}}."
                f" Without one these columns are understood: {known}.",
            )
        ]
    )


def _number(written: str) -> float | None:
    """A probability written as a number or a fraction; None if it is neither.

    >>> _number("1/4"), _number("0.5"), _number("p")
    (0.25, 0.5, None)
    """
    try:
        return float(Fraction(written.replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        return None


def _read(path: Path) -> Columns:
    report = Report()
    try:
        content = path.read_bytes()
    except OSError as error:
        known = did_you_mean(str(path), PRESETS)
        problem = f"'{path}' cannot be read: {error.strerror}.{known}"
        raise InvalidInput([Violation("--map", problem)]) from None
    root = parse(str(path), content, report)
    if root is None:
        raise MappingMistakes(report.diagnostics())
    fields = Fields(root, report, "a mapping of a log")
    columns = Columns(
        fields.need("action", as_written, ""),
        fields.need("reward", as_written, ""),
        fields.need("probability", as_written, ""),
        fields.take("slot", as_written, ""),
        fields.take("customer", as_written, ""),
        fields.take("candidates", as_written, ""),
        fields.take("context", list_of(as_written), ("*",)),
        fields.take("actions", list_of(as_written), ()),
    )
    fields.close()
    if report.errors:
        raise MappingMistakes(report.diagnostics())
    return columns
