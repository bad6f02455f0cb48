"""The roster: which action each index of a past rule book stood for, found out from the offers made.

A decision's record names what it offered, and keeps what competed as indexes of the book of its day,
with each one's propensity and value. Both stand in the offer too, so every offer leaves few indexes it
can be, as a rule one; over many decisions each name keeps those that were possible every time.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from engine.model import ActionId, Contest, Offer

Version: TypeAlias = str


class Roster:
    """Learns the names of indexes from offers, each rule book's for itself."""

    def __init__(self) -> None:
        self._possible: dict[tuple[Version, ActionId], frozenset[int]] = {}
        self._settled: dict[Version, dict[int, ActionId]] = {}
        self._told: dict[Version, dict[int, ActionId]] = {}

    def note(self, version: Version, offer: Offer, contest: Contest) -> bool:
        """Takes in that `offer` was made after `contest`; False if it was no competitor there."""
        if contest.propensities is None:
            return False
        rivals = contest.actions
        alike = (contest.propensities[rivals] == offer.propensity) & (
            contest.value[rivals] == offer.value
        )
        indexes = frozenset(rivals[alike].tolist())
        if not indexes:
            return False
        self._told.pop(version, None)
        key = version, offer.action_id
        self._possible[key] = self._possible.get(key, indexes) & indexes or indexes
        return True

    def settle(self, version: Version, names: Sequence[ActionId]) -> None:
        """Takes the names of a book that is at hand, in the order of its actions."""
        self._settled[version] = dict(enumerate(names))

    def names(self, version: Version) -> Mapping[int, ActionId]:
        """The action of each index of a book, of those that were ever offered or are settled."""
        if version in self._settled:
            return self._settled[version]
        if version not in self._told:
            self._told[version] = self._found(version)
        return self._told[version]

    def _found(self, version: Version) -> dict[int, ActionId]:
        """Names given out one by one: the action that can be fewest indexes goes first.

        Of actions that were equal in every contest either may get either index.
        """
        mine = {name: found for (of, name), found in self._possible.items() if of == version}
        names: dict[int, ActionId] = {}
        for name in sorted(mine, key=lambda name: (len(mine[name]), name)):
            free = sorted(mine[name] - names.keys())
            if free:
                names[free[0]] = name
        return names
