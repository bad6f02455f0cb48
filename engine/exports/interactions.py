"""The interaction history: every response to an offer, in the shape of Pega's interaction history."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from engine.codec import DecisionRecord
from engine.contact.household import is_household
from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.exports.moments import stamp
from engine.exports.snapshots import TECHNIQUE, direction
from engine.model import ActionId, DecisionId, Event, Micros, Response
from engine.rulebook.book import RuleBook

OUTCOMES: Final[Mapping[str, str]] = {
    "impression": "Impression",
    "click": "Clicked",
    "accept": "Accepted",
    "reject": "Rejected",
    "dismiss": "Dismissed",
    "not_delivered": "NotDelivered",
}
"""What the well-known outcomes are called there; others keep their names."""

_TEXTS: Final = (
    "pxInteractionID",
    "pxFactID",
    "pxOutcomeTime",
    "pxDecisionTime",
    "pySubjectID",
    "pyOutcome",
    "pyIssue",
    "pyGroup",
    "pyName",
    "pyTreatment",
    "pyChannel",
    "pyDirection",
    "pyPlacement",
    "pyModelTechnique",
)
_NUMBERS: Final = ("pyPropensity", "pyProbability", "pxPriority", "pyValue", "pyOutcomeValue")
SCHEMA: Final[Mapping[str, Any]] = (
    dict.fromkeys(_TEXTS, pl.String) | dict.fromkeys(_NUMBERS, pl.Float64) | {"pxRank": pl.Int64}
)


class _Made(NamedTuple):
    """What the record of a decision knows of an offer, and the response does not."""

    issue: str
    treatment: str
    rank: int
    priority: float
    value: float


def interactions(data: Path, book: RuleBook, since: Micros = 0) -> pl.DataFrame:
    """A row for each response that came at or after `since`, as it came.

    An interaction is one offer: its id is the decision's and the action's. Treatment, rank, priority
    and value are null where the decision is no longer in the log.

    Raises:
        InvalidInput: this is no data directory.
        StorageError: it cannot be read.
    """
    made = dict(_made(past_decisions(data / DECISIONS)))
    issues = {str(action.action_id): action.issue for action in book.actions}
    rows = [
        _row(line, line.body, made, issues, book)
        for _, line in past_entries(data / JOURNAL, since)
        if isinstance(line, Event)
        and isinstance(line.body, Response)
        and not is_household(line.customer_id)
    ]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def _made(
    records: Iterable[DecisionRecord],
) -> Iterator[tuple[tuple[DecisionId, ActionId], _Made]]:
    for _, decision in records:
        for placed in decision.placements:
            for o in placed.offers:
                known = _Made(o.issue, o.treatment_id, o.rank, o.priority, o.value)
                yield (decision.decision_id, o.action_id), known


def _row(
    event: Event,
    response: Response,
    made: Mapping[tuple[DecisionId, ActionId], _Made],
    issues: Mapping[str, str],
    book: RuleBook,
) -> dict[str, Any]:
    offer = response.exposure
    known = made.get((offer.decision_id, offer.action_id))
    return {
        "pxInteractionID": f"{offer.decision_id}!{offer.action_id}",
        "pxFactID": event.event_id,
        "pxOutcomeTime": stamp(event.time),
        "pxDecisionTime": stamp(offer.decided_at),
        "pySubjectID": event.customer_id,
        "pyOutcome": OUTCOMES.get(response.outcome, response.outcome),
        "pyIssue": issues.get(offer.action_id, "") if known is None else known.issue,
        "pyGroup": offer.group,
        "pyName": offer.action_id,
        "pyTreatment": None if known is None else known.treatment,
        "pyChannel": offer.channel,
        "pyDirection": direction(offer.channel, book),
        "pyPlacement": offer.placement,
        "pyModelTechnique": TECHNIQUE,
        "pyPropensity": offer.propensity,
        "pyProbability": offer.probability,
        "pxPriority": None if known is None else known.priority,
        "pyValue": None if known is None else known.value,
        "pyOutcomeValue": response.value,
        "pxRank": None if known is None else known.rank,
    }
