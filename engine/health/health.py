"""Health: everything read once from a data directory, judged, and put together."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.edges.journal.past import past_decisions
from engine.edges.rules.last import last_book
from engine.edges.state.everybody import customer_ids
from engine.edges.state.names import DECISIONS
from engine.health.findings import Finding, of_models, of_traffic, of_trends
from engine.health.importance import Importance, importances
from engine.health.limits import Severity, worst
from engine.health.models import ModelHealth, by_model, judged, models_of
from engine.health.reading import Tell, silently, telling
from engine.health.seen import Lessons, Seen, lessons_in
from engine.health.traffic import Traffic
from engine.learning.contributions import ScoreExplainer
from engine.learning.mind import Mind
from engine.learning.reliability import ModelHealth as Foresight
from engine.model import Micros
from engine.replay.model_then import model_now
from engine.rulebook.book import RuleBook


@dataclass(frozen=True, slots=True)
class Health:
    """How a service did since a moment.

    Attributes:
        since: decisions from then on; 0 for all that is kept.
        models: those that had responses, the busiest first.
        lessons: the offers the models were judged by, in the order they were learned.
        explained_by: which model importance is told of; empty if none was at hand.
        learner: how the default model sees itself (`Learner.health`); None if none was at hand.
    """

    since: Micros
    rulebook_version: str
    explained_by: str
    findings: tuple[Finding, ...]
    models: tuple[ModelHealth, ...]
    traffic: Traffic
    lessons: Lessons
    learner: Foresight | None = None

    @property
    def severity(self) -> Severity:
        """The worst of the findings."""
        return worst(*(finding.severity for finding in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "severity": self.severity,
            "since": self.since,
            "rulebook_version": self.rulebook_version,
            "explained_by": self.explained_by,
            "decisions": self.traffic.decisions,
            "decisions_from": self.traffic.first or None,
            "decisions_to": self.traffic.last or None,
            "decisions_in_trials": self.traffic.held,
            "responses": len(self.lessons.offers),
            "findings": [finding.to_dict() for finding in self.findings],
            "models": [model.to_dict() for model in self.models],
            "learner": None if self.learner is None else asdict(self.learner),
        }


def health(
    data: Path, book: RuleBook | None = None, since: Micros = 0, tell: Tell = silently
) -> Health:
    """The health of the service that keeps this data directory, running or not.

    Judged by decisions made at or after `since` that are still kept, against `book`, by default the
    one last in force.

    Raises:
        InvalidInput: this is no data directory, or it keeps no book.
        BrokenRuleBook: the book kept there has mistakes.
        StorageError: something cannot be read.
    """
    book = last_book(data) if book is None else book
    lessons = lessons_in(data, since, lambda more: tell("entries", more))
    traffic = Traffic()
    traffic.note(telling("decisions", past_decisions(data / DECISIONS, since), tell))
    mind = model_now(data)
    models = tuple(_models(lessons, book, mind, tell))
    silent = sorted(str(key) for key in models_of(book).keys() - {m.key for m in models})
    findings = (
        *of_traffic(traffic, book, customer_ids(data)),
        *of_trends(traffic, models),
        *of_models(models, silent),
    )
    version, learner = "", None
    if mind is not None:
        version, learner = mind.learner.model_version, mind.learner.health()
    return Health(since, book.version, version, findings, models, traffic, lessons, learner)


def _models(
    lessons: Lessons, book: RuleBook, mind: Mind | None, tell: Tell
) -> Iterator[ModelHealth]:
    """The models with responses, the busiest first."""
    now = models_of(book)
    explainer = None if mind is None else ScoreExplainer(mind)
    busiest = sorted(by_model(lessons.offers.values()).items(), key=lambda m: (-len(m[1]), m[0]))
    for key, offers in busiest:
        yield judged(key, offers, key in now, _importances(explainer, offers))
        tell("models", 1)


def _importances(explainer: ScoreExplainer | None, offers: list[Seen]) -> tuple[Importance, ...]:
    """None where the snapshot is older than the features some of the offers were seen with."""
    if explainer is None:
        return ()
    try:
        return importances(explainer, offers)
    except KeyError:
        return ()
