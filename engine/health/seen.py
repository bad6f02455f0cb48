"""What the journal teaches of each offer: with which propensity it was made, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.codec import SchemaNote
from engine.edges.journal.past import past_entries
from engine.edges.state.names import JOURNAL
from engine.features import FeatureSchema
from engine.model import ActionId, DecisionId, Event, Exposure, Micros, Response


@dataclass(slots=True)
class Seen:
    """One offer that was shown and taught: what the model had said of it, and the reward by now.

    `exposure.propensity` is that of the decision, before anything was learned of the offer.
    """

    exposure: Exposure
    reward: float


@dataclass(slots=True)
class Lessons:
    """The offers that taught, in the order in which their first lesson was learned.

    `schemas` are the features they were seen with, by digest.
    """

    offers: dict[tuple[DecisionId, ActionId], Seen] = field(default_factory=dict)
    schemas: dict[str, FeatureSchema] = field(default_factory=dict)

    def note(self, response: Response) -> None:
        """Takes in one response; of several to the same offer the best reward counts."""
        exposure, reward = response.exposure, response.reward
        if reward is None or exposure.features is None:
            return
        key = exposure.decision_id, exposure.action_id
        known = self.offers.get(key)
        if known is None:
            self.offers[key] = Seen(exposure, reward)
        elif reward > known.reward:
            known.reward = reward


def lessons_in(
    data: Path, since: Micros = 0, advance: Callable[[int], None] | None = None
) -> Lessons:
    """What the journal of a data directory teaches of decisions made at or after `since`.

    The service may be running. `advance` hears of every thousand entries read. Each offer counts
    once, however often its reward was corrected; what is held takes about two kilobytes an offer.

    Raises:
        InvalidInput: there is no journal.
        StorageError: it cannot be read.
    """
    lessons = Lessons()
    for count, (_, line) in enumerate(past_entries(data / JOURNAL, since), 1):
        match line:
            case Event(body=Response() as response) if response.exposure.decided_at >= since:
                lessons.note(response)
            case SchemaNote():
                lessons.schemas[line.digest] = FeatureSchema.from_dict(line.document)
        if advance is not None and count % 1_000 == 0:
            advance(1_000)
    return lessons
