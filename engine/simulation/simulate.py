"""Simulate: logged decisions made again by another book, what that would earn, and for whom it changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.codec import DecisionRecord
from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import InvalidInput, Violation
from engine.evaluation.decisions import responses_in
from engine.evaluation.evaluate import Evaluation
from engine.evaluation.roster import Roster
from engine.learning.evidence import Evidence
from engine.model import ActionId, Decision, Event, PlacementId, ProfileUpdate
from engine.rulebook.book import RuleBook
from engine.simulation.first_slot import NOTHING, first_slot
from engine.simulation.moments import moments
from engine.simulation.outlook import Outlook, Segment, Volume
from engine.simulation.replay import Replay, lessons_of
from engine.simulation.seen import Seen, Shares
from engine.simulation.usage import Usage

_STEP: Final = 100


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a rule book would have done.

    Attributes:
        acceptance: the share of first offers accepted, as an evaluation.
        value: the value accepted per first offer, in the book's currency, as an evaluation.
        decisions: how many were made again.
        silenced: those that showed an offer and would show none.
        awakened: those that showed none and would show one; what that earns nobody can know.
        volumes: offers by action, before and after, in all slots.
        segments: expected value of the offers by customers' attributes, before and after.
        binding: caps the new book would have used up.
    """

    acceptance: Evaluation
    value: Evaluation
    decisions: int
    silenced: int
    awakened: int
    volumes: tuple[Volume, ...]
    segments: tuple[Segment, ...]
    binding: tuple[Usage, ...]

    def to_dict(self) -> dict[str, Any]:
        """The simulation as JSON."""
        return {
            "decisions": self.decisions,
            "silenced": self.silenced,
            "awakened": self.awakened,
            "acceptance": self.acceptance.to_dict(),
            "value": self.value.to_dict(),
            "volumes": [volume._asdict() for volume in self.volumes],
            "segments": [segment._asdict() for segment in self.segments],
            "binding": [usage.to_dict() for usage in self.binding],
        }


def simulate(
    data: Path,
    new: RuleBook,
    old: RuleBook | None = None,
    advance: Callable[[int], object] | None = None,
) -> Simulation:
    """Makes the decisions in a data directory again, by `new` and, if given, by `old`.

    Those for customers in a holdout or an experiment are left aside.

    Without `old` the log itself is what the new book is compared with. `advance` is told now and then
    how many more decisions are done.

    Raises:
        InvalidInput: the directory holds no decisions with an offer that was seen.
        StorageError: it cannot be read.
    """
    responses = responses_in(data / JOURNAL)
    roster = _roster(past_decisions(data / DECISIONS), (new, *([old] if old else [])))
    usual = _usual(past_decisions(data / DECISIONS), roster)
    evidence = Evidence()
    replays = [Replay(book, usual, evidence) for book in ((new, old) if old else (new,))]
    outlook = Outlook(new)
    seen = Seen(responses)
    for moment in moments(past_decisions(data / DECISIONS), _entries(data / JOURNAL), evidence):
        logged = moment.record.decision
        if logged.holdout:
            continue
        known = _propensities(logged, roster.names(logged.rulebook_version))
        made = [replay.decide(moment, known) for replay in replays]
        outlook.note(made[1] if old else logged, made[0])
        seen.note(logged, partial(_chosen, logged, replays, made))
        if advance is not None and outlook.decisions % _STEP == 0:
            advance(_STEP)
    if not seen.rows:
        raise InvalidInput(
            [Violation(str(data), "holds no offer of which a response with a reward has come back")]
        )
    acceptance, value = seen.evaluated()
    return Simulation(
        acceptance,
        value,
        outlook.decisions,
        outlook.silenced,
        outlook.awakened,
        outlook.volumes,
        outlook.segments,
        replays[0].usages.binding,
    )


def _chosen(
    logged: Decision,
    replays: Sequence[Replay],
    made: Sequence[Decision | None],
    at: PlacementId,
) -> list[Shares]:
    """With which probability each book would have made any offer the first of a placement."""
    lessons = lessons_of(logged.model_version)
    return [
        NOTHING
        if decision is None
        else first_slot(decision, at, replay.book, lessons, replay.doubt)
        for replay, decision in zip(replays, made, strict=True)
    ]


def _roster(records: Iterable[DecisionRecord], books: Iterable[RuleBook]) -> Roster:
    """Which action each index stood for: known of the books at hand, found out of all others."""
    roster = Roster()
    for record in records:
        decision = record.decision
        for placed in decision.placements:
            for contest in decision.contests:
                if contest.placement == placed.placement and not placed.fallback:
                    for offer in placed.offers:
                        roster.note(decision.rulebook_version, offer, contest)
    for book in books:
        roster.settle(book.version, [action.action_id for action in book.actions])
    return roster


def _propensities(decision: Decision, names: Mapping[int, ActionId]) -> Shares:
    """What a logged decision thought of each action that competed and whose name is known."""
    return {
        names[index]: contest.propensities.item(index)
        for contest in decision.contests
        if contest.propensities is not None
        for index in contest.actions.tolist()
        if index in names
    }


def _usual(records: Iterable[DecisionRecord], roster: Roster) -> Shares:
    """The mean propensity of each action wherever it competed."""
    sums: dict[ActionId, list[float]] = {}
    for record in records:
        decision = record.decision
        known = _propensities(decision, roster.names(decision.rulebook_version))
        for name, propensity in known.items():
            so_far = sums.setdefault(name, [0.0, 0.0])
            so_far[0] += propensity
            so_far[1] += 1.0
    return {name: total / count for name, (total, count) in sums.items()}


def _entries(journal: Path) -> Iterator[Event | ProfileUpdate]:
    return (line for _, line in past_entries(journal) if isinstance(line, Event | ProfileUpdate))
