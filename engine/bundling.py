"""Place: what is shown together competes as one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.arbitration import Candidates, Indexes, Vector
from engine.limits.limits import Limits
from engine.model import PlacementId, Reason, Stage
from engine.rulebook.book import RuleBook
from engine.rulebook.bundle import Bundle


class Together(NamedTuple):
    """What is shown if its lead is chosen: positions among the candidates, in the order shown."""

    bundle: str
    positions: tuple[int, ...]
    worth: float


class Entries(NamedTuple):
    """What competes for the next slot: the leads of bundles, and all that stands for itself.

    `positions` among the candidates, `priorities` and `ties` are parallel. `together` is what each
    lead brings, by its position; `apart` why members of fixed bundles are not shown, by treatment.
    """

    positions: Indexes
    priorities: Vector
    ties: Indexes
    together: dict[int, Together]
    apart: dict[int, Reason]

    def brought(self, at: int) -> Together:
        """What the entry at this place brings."""
        position = self.positions.item(at)
        return self.together.get(position) or Together("", (position,), 0.0)


class Bundling:
    """The bundles that hold in one placement."""

    def __init__(self, book: RuleBook, bundles: Sequence[Bundle]) -> None:
        self._names = tuple(action.action_id for action in book.actions)
        self._bundles = tuple(bundles)
        self._members = frozenset(action for bundle in bundles for action in bundle.actions)

    @classmethod
    def by_placement(cls, book: RuleBook) -> dict[PlacementId, "Bundling"]:
        """One for each placement in which any bundle holds."""
        held = {at: [b for b in book.bundles if at in b.placements] for at in book.placements}
        return {at: cls(book, bundles) for at, bundles in held.items() if bundles}

    def entries(self, candidates: Candidates, room: int, limits: Limits) -> Entries:
        """What competes for the next of `room` slots."""
        table = _Table(candidates, limits, self._members)
        is_open = np.ones(len(candidates.actions), dtype=np.bool_)
        priorities = candidates.priorities.copy()
        together: dict[int, Together] = {}
        apart: dict[int, Reason] = {}
        for bundle in self._bundles:
            if bundle.is_fixed:
                members = table.present(bundle.actions)
                is_open[members] = False
                problem = self._problem(bundle, members, room, table)
                shown = None if problem else table.together(bundle, members)
                if shown is not None:
                    problem = f"others came first (its priority is {shown.worth:.4g})"
                reason = self._reason(bundle, problem)
                apart.update((table.treatment(member), reason) for member in members)
            else:
                shown = self._company(bundle, room, table)
            if shown is not None:
                lead = shown.positions[0]
                is_open[lead], priorities[lead] = True, shown.worth
                together[lead] = shown
        positions = np.flatnonzero(is_open)
        return Entries(
            positions, priorities[positions], candidates.ties[positions], together, apart
        )

    def _problem(self, bundle: Bundle, members: Sequence[int], room: int, table: "_Table") -> str:
        """Why a fixed bundle cannot take the next slots; empty if it can."""
        if len(members) < len(bundle.actions):
            missing = [self._names[action] for action in bundle.actions if action not in table.at]
            return f"{' and '.join(missing)} cannot be shown"
        if len(members) > room:
            return f"it takes {len(members)} slots, and there are {room}"
        if not table.are_open(members):
            return "limits do not let all of it be shown at once"
        return ""

    def _company(self, bundle: Bundle, room: int, table: "_Table") -> Together | None:
        """The lead of a flexible bundle and the best of its companions, as far as they fit."""
        lead = table.at.get(bundle.actions[0])
        if lead is None:
            return None
        most = min(bundle.at_most or 0, room - 1)
        members = [lead]
        for companion in sorted(table.present(bundle.actions[1:]), key=table.rank):
            if len(members) <= most and table.are_open([*members, companion]):
                members.append(companion)
        return table.together(bundle, members) if len(members) > 1 else None

    def _reason(self, bundle: Bundle, problem: str) -> Reason:
        names = ", ".join(self._names[action] for action in bundle.actions)
        text = f"shown only together, as {names}: {problem}"
        return Reason(Stage.PLACEMENT, f"bundle.{bundle.name}", False, text, bundle.place, {})


class _Table:
    """The candidates, looked up one by one; `at` is the position of each that is in any bundle."""

    def __init__(self, candidates: Candidates, limits: Limits, members: frozenset[int]) -> None:
        self._candidates = candidates
        self._limits = limits
        actions = enumerate(candidates.actions.tolist())
        self.at = {action: position for position, action in actions if action in members}

    def present(self, actions: Sequence[int]) -> list[int]:
        """The positions of those that are candidates, in the same order."""
        return [self.at[action] for action in actions if action in self.at]

    def treatment(self, position: int) -> int:
        return self._candidates.treatments.item(position)

    def rank(self, position: int) -> tuple[float, int]:
        """A sort key: the best first."""
        return -self._candidates.priorities.item(position), self._candidates.ties.item(position)

    def are_open(self, positions: Sequence[int]) -> bool:
        return self._limits.together([self.treatment(position) for position in positions])

    def together(self, bundle: Bundle, positions: Sequence[int]) -> Together:
        counted = positions if bundle.summed else positions[:1]
        worth = sum(self._candidates.priorities.item(position) for position in counted)
        return Together(bundle.name, tuple(positions), worth)
