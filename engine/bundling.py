"""Place: what is shown together competes as one."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from engine.arbitration import Candidates, Indexes, Vector
from engine.limits import Limits
from engine.model import PlacementId, Reason, Stage
from engine.rulebook.book import RuleBook
from engine.rulebook.bundle import Bundle


class Unit(NamedTuple):
    """What takes the next slots, together: positions among the candidates, in the order shown.

    `bundle` is the name of the bundle they are shown in; empty for one that stands for itself.
    """

    positions: tuple[int, ...]
    priority: float
    tie: int
    bundle: str = ""


class Units(NamedTuple):
    """All that competes for the next slot, and why members of fixed bundles do not, by treatment."""

    competing: list[Unit]
    apart: dict[int, Reason]


class Bundling:
    """The bundles that hold in one placement."""

    def __init__(self, book: RuleBook, bundles: Sequence[Bundle]) -> None:
        self._names = tuple(action.action_id for action in book.actions)
        self._fixed = tuple(bundle for bundle in bundles if bundle.is_fixed)
        self._led = {bundle.actions[0]: bundle for bundle in bundles if not bundle.is_fixed}
        self._bound = frozenset(action for bundle in self._fixed for action in bundle.actions)

    @classmethod
    def by_placement(cls, book: RuleBook) -> dict[PlacementId, "Bundling"]:
        """One for each placement in which any bundle holds."""
        held = {at: [b for b in book.bundles if at in b.placements] for at in book.placements}
        return {at: cls(book, bundles) for at, bundles in held.items() if bundles}

    def units(self, candidates: Candidates, room: int, limits: Limits) -> Units:
        """What competes for the next of `room` slots: bundles, and all that stands for itself."""
        table = _Table(candidates, limits)
        apart: dict[int, Reason] = {}
        competing = []
        for bundle in self._fixed:
            positions = [table.at[action] for action in bundle.actions if action in table.at]
            problem = self._problem(bundle, positions, room, table)
            unit = table.unit(positions, bundle)
            if not problem:
                competing.append(unit)
                problem = f"others came first (its priority is {unit.priority:.4g})"
            apart.update((table.treatment(p), self._reason(bundle, problem)) for p in positions)
        for action, position in table.at.items():
            if action in self._bound:
                continue
            led = self._led.get(action)
            members = [position] if led is None else self._company(led, position, room, table)
            competing.append(table.unit(members, led))
        return Units(competing, apart)

    def _problem(self, bundle: Bundle, positions: Sequence[int], room: int, table: "_Table") -> str:
        """Why a fixed bundle cannot take the next slots; empty if it can."""
        if len(positions) < len(bundle.actions):
            missing = [self._names[a] for a in bundle.actions if a not in table.at]
            return f"{' and '.join(missing)} cannot be shown"
        if len(positions) > room:
            return f"it takes {len(positions)} slots, and there are {room}"
        if not table.are_open(positions):
            return "limits do not let all of it be shown at once"
        return ""

    def _company(self, bundle: Bundle, lead: int, room: int, table: "_Table") -> list[int]:
        """The lead of a flexible bundle and the best of its companions, as far as they fit."""
        companions = [table.at[a] for a in bundle.actions[1:] if a in table.at]
        members = [lead]
        for position in sorted(companions, key=table.rank):
            if len(members) > min(bundle.at_most or 0, room - 1):
                break
            if table.are_open([*members, position]):
                members.append(position)
        return members

    def _reason(self, bundle: Bundle, problem: str) -> Reason:
        names = ", ".join(self._names[action] for action in bundle.actions)
        text = f"shown only together, as {names}: {problem}"
        return Reason(Stage.PLACEMENT, f"bundle.{bundle.name}", False, text, bundle.place, {})


class _Table:
    """Candidates, looked up one by one; `at` is each action's position among them."""

    def __init__(self, candidates: Candidates, limits: Limits) -> None:
        self._candidates = candidates
        self._limits = limits
        self.at = {action: i for i, action in enumerate(candidates.actions.tolist())}

    def treatment(self, position: int) -> int:
        return self._candidates.treatments.item(position)

    def rank(self, position: int) -> tuple[float, int]:
        """A sort key: the best first."""
        return -self._candidates.priorities.item(position), self._candidates.ties.item(position)

    def are_open(self, positions: Iterable[int]) -> bool:
        return self._limits.together([self.treatment(position) for position in positions])

    def unit(self, positions: Sequence[int], bundle: Bundle | None) -> Unit:
        """What these positions are worth together; nothing if there are none."""
        if not positions:
            return Unit((), 0.0, 0)
        priorities = [self._candidates.priorities.item(position) for position in positions]
        worth = sum(priorities) if bundle is not None and bundle.summed else priorities[0]
        name = "" if bundle is None or len(positions) == 1 else bundle.name
        return Unit(tuple(positions), worth, self._candidates.ties.item(positions[0]), name)


def columns(units: Sequence[Unit]) -> tuple[Vector, Indexes]:
    """The priorities and ties of units, as arrays."""
    priorities = np.array([unit.priority for unit in units], dtype=np.float64)
    return priorities, np.array([unit.tie for unit in units], dtype=np.intp)
