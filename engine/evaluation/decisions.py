"""Attune's own log: the decisions and responses of a data directory as a table of choices.

A choice is one slot's offer that the customer is known to have seen, for what is not seen earns
nothing whatever it is. Its reward is the best one any response to it had.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from engine.codec import DecisionRecord, SchemaNote
from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import InvalidInput, Violation
from engine.evaluation.mapping import PRESETS
from engine.evaluation.roster import Roster
from engine.model import ActionId, DecisionId, Event, Response, Value

_ATTUNE: Final = PRESETS["attune"]


class _Choice(NamedTuple):
    """One slot's offer: what was chosen, from which indexes of which book, without whom."""

    record: DecisionRecord
    placement: int
    offer: int


@dataclass(slots=True)
class Responses:
    """What the journal knows: the best reward of each offer seen, and the features' names by schema."""

    rewards: dict[tuple[DecisionId, ActionId], float] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


def decided(data: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The choices in a data directory, with the columns of the preset `attune`, and remarks.

    The service may be running meanwhile.

    Raises:
        InvalidInput: there are no files of a data directory, or no choice in them was seen by anybody.
        StorageError: they cannot be read.
    """
    responses = responses_in(data / JOURNAL)
    roster, left_out = Roster(), Counter[str]()
    choices = list(_choices(data / DECISIONS, responses, roster, left_out))
    if not choices:
        raise InvalidInput(
            [Violation(str(data), "holds no offer of which a response with a reward has come back")]
        )
    table = pl.DataFrame(_rows(choices, responses, roster), infer_schema_length=None, strict=False)
    remarks = tuple(f"{count:,} offers {why} are left out." for why, count in left_out.items())
    return table, remarks


def responses_in(journal: Path) -> Responses:
    """What a journal knows of the offers made.

    Raises:
        InvalidInput: there is no such file.
        StorageError: it cannot be read.
    """
    found = Responses()
    for _, line in past_entries(journal):
        match line:
            case Event(body=Response(reward=reward) as response) if reward is not None:
                key = response.exposure.decision_id, response.exposure.action_id
                found.rewards[key] = max(reward, found.rewards.get(key, reward))
            case SchemaNote():
                listed = line.document.get("features", ())
                found.names[line.digest] = tuple(name for name, *_ in listed)
    return found


def _choices(
    decisions: Path, responses: Responses, roster: Roster, left_out: Counter[str]
) -> Iterator[_Choice]:
    """The offers that were seen and won against others, or might have."""
    for record in past_decisions(decisions):
        decision = record.decision
        contests = {contest.placement: contest for contest in decision.contests}
        for at, placed in enumerate(decision.placements):
            if placed.fallback or placed.placement not in contests:
                continue
            contest = contests[placed.placement]
            for place, offer in enumerate(placed.offers):
                competed = roster.note(decision.rulebook_version, offer, contest)
                if decision.holdout:
                    left_out[
                        "to customers in a holdout, an experiment or a challenger's share"
                    ] += 1
                elif (decision.decision_id, offer.action_id) not in responses.rewards:
                    left_out["nobody is known to have seen"] += 1
                elif not competed:
                    left_out["that did not compete (mandatory, or decided without the model)"] += 1
                else:
                    yield _Choice(record, at, place)


def _rows(choices: list[_Choice], responses: Responses, roster: Roster) -> list[Mapping[str, Any]]:
    names = {
        version: roster.names(version)
        for version in {choice.record.decision.rulebook_version for choice in choices}
    }
    return [
        _row(choice, responses, names[choice.record.decision.rulebook_version])
        for choice in choices
    ]


def _row(choice: _Choice, responses: Responses, names: Mapping[int, ActionId]) -> Mapping[str, Any]:
    decision = choice.record.decision
    placed = decision.placements[choice.placement]
    offer = placed.offers[choice.offer]
    [contest] = [c for c in decision.contests if c.placement == placed.placement]
    gone = {earlier.action_id for earlier in placed.offers[: choice.offer]}
    competing = [names.get(index, f"#{index}") for index in contest.actions.tolist()]
    return {
        _ATTUNE.action: offer.action_id,
        _ATTUNE.reward: responses.rewards[decision.decision_id, offer.action_id],
        _ATTUNE.probability: offer.probability,
        _ATTUNE.slot: f"{placed.placement} {offer.rank}",
        _ATTUNE.customer: decision.customer_id,
        _ATTUNE.candidates: sorted({offer.action_id, *competing} - gone),
        **dict(features_named(decision.features, responses.names.get(decision.schema, ()))),
    }


def features_named(
    values: Sequence[Value] | None, names: Sequence[str]
) -> Iterator[tuple[str, Value]]:
    """What the model saw, by name."""
    for name, value in zip(names, values or (), strict=False):
        yield name, list(value) if isinstance(value, tuple) else value
