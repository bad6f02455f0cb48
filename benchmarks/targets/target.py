"""One target: what was promised, what was measured, whether it is met."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table.

    Attributes:
        what: what is measured.
        promised: the target, as people read it.
        measured: the figure, as people read it; empty if it was not measured here.
        met: whether it is met; None if it was not measured here.
        figure: the number behind `measured`.
        remark: how it was measured where that is not plain, or the command that measures it.
    """

    what: str
    promised: str
    measured: str = ""
    met: bool | None = None
    figure: float | None = None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """pass, short, or nothing."""
        return {None: "—", True: "pass", False: "short"}[self.met]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"verdict": self.verdict}


def at_most(what: str, figure: float, limit: float, unit: str = "×", remark: str = "") -> Outcome:
    """A figure that must not be above its limit."""
    promised = f"≤ {limit:g} {unit}"
    return Outcome(what, promised, f"{figure:.2f} {unit}", figure <= limit, figure, remark)


def at_least(what: str, figure: float, limit: float, unit: str = "×", remark: str = "") -> Outcome:
    """A figure that must not be below its limit."""
    promised = f"≥ {limit:g} {unit}"
    return Outcome(what, promised, f"{figure:.2f} {unit}", figure >= limit, figure, remark)


def elsewhere(what: str, promised: str, command: str) -> Outcome:
    """What takes hours, or servers, and is run by hand."""
    return Outcome(what, promised, remark=f"run separately: {command}")
