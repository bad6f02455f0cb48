"""Learn: how much has been seen of each action, for whoever asks how sure its propensity is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from engine.model import ActionId, TrainingExample


class Tally(NamedTuple):
    """What was seen of one action, over all channels.

    Attributes:
        exposures: offers that taught something, each counted once.
        positives: the sum of their rewards as known by now: an accept is 1, what counts less is less.
        lesson: the number of the lesson that changed it last, from 1.
    """

    exposures: int = 0
    positives: float = 0.0
    lesson: int = 0

    @property
    def negatives(self) -> float:
        """Exposures less positives."""
        return self.exposures - self.positives


NOTHING: Final = Tally()


class Evidence:
    """Tallies of all actions, by the lessons that the model learned; a fold over the log like the model.

    >>> evidence = Evidence()
    >>> evidence.of(ActionId("new"))
    Tally(exposures=0, positives=0.0, lesson=0)
    """

    def __init__(self) -> None:
        self._tallies: dict[ActionId, Tally] = {}
        self._lessons = 0

    @property
    def lessons(self) -> int:
        """How many lessons have been noted."""
        return self._lessons

    def of(self, action_id: ActionId) -> Tally:
        """What was seen of an action."""
        return self._tallies.get(action_id, NOTHING)

    def total(self) -> Tally:
        """What was seen of all actions together."""
        tallies = self._tallies.values()
        exposures, positives = sum(t.exposures for t in tallies), sum(t.positives for t in tallies)
        return Tally(exposures, positives, self._lessons)

    def note(self, example: TrainingExample) -> None:
        """Counts a lesson: an exposure with its reward, what a reward grew by later, or one exposure less."""
        self._lessons += 1
        before = self._tallies.pop(example.action_id, NOTHING)
        is_new = example.taught is None
        grown = example.reward - (example.taught or 0.0)
        self._tallies[example.action_id] = Tally(
            before.exposures + is_new - example.taken_back, before.positives + grown, self._lessons
        )

    def since(self, lesson: int) -> Iterator[ActionId]:
        """The actions of which more is known than after so many lessons, the latest first."""
        for action_id, tally in reversed(self._tallies.items()):
            if tally.lesson <= lesson:
                return
            yield action_id

    def state(self) -> list[list[Any]]:
        """All tallies as JSON, for `restore`."""
        return [[action_id, *tally] for action_id, tally in self._tallies.items()]

    @classmethod
    def restore(cls, state: Sequence[Sequence[Any]], lessons: int) -> "Evidence":
        """Evidence that goes on where the one that wrote `state` stood, after so many lessons."""
        evidence = cls()
        evidence._tallies = {ActionId(name): Tally(*rest) for name, *rest in state}
        evidence._lessons = lessons
        return evidence


def imagined(positives: Mapping[ActionId, float]) -> Evidence:
    """Evidence of so many positives, by action, and as many exposures, as if it had been learned."""
    counted = enumerate(positives.items(), 1)
    return Evidence.restore([[name, n, n, lesson] for lesson, (name, n) in counted], len(positives))
