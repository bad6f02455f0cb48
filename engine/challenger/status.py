"""Status: how far a challenger has come, and what its shadows, or its customers, say of it."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.challenger.challenge import obstacles
from engine.challenger.comparing import Comparison, compared
from engine.challenger.contender import lacking
from engine.challenger.plan import Part, Plan
from engine.edges.journal.decisions import recorded
from engine.edges.journal.past import past_decisions
from engine.edges.journal.shadows import SHADOWS, missed_by, shadows_of
from engine.edges.rules.kept import kept_in, read_kept
from engine.edges.rules.plan_file import read_plan
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.eligibility import show_moment
from engine.evaluation.decisions import Responses, responses_in
from engine.experiments.duel import duel
from engine.experiments.results import Result, result_of
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load


@dataclass(frozen=True, slots=True)
class Status:
    """How a challenger stands.

    Attributes:
        plan: what is planned; None if there is no challenger.
        version: its rule book's, as its files are now; empty if they have mistakes.
        refused: why it cannot play its part; () if it can.
        lacking: placements where the champion decides in its place.
        shadows: what its shadows say; None if it cast none.
        trial: how its customers and the champion's compare; None if it never decided for a share.
    """

    plan: Plan | None = None
    version: str = ""
    refused: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    shadows: Comparison | None = None
    trial: Result | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        plan = self.plan
        if plan is None:
            return {"name": None, "part": "off"}
        return {
            "name": plan.name,
            "part": str(plan.part),
            "share": plan.share,
            "sample": plan.sample,
            "since": show_moment(plan.since),
            "rules": plan.rules,
            "rulebook_version": self.version,
            "refused": list(self.refused),
            "lacking_placements": list(self.lacking),
            "shadows": self.shadows and self.shadows.to_dict(),
            "trial": self.trial and self.trial.to_dict(),
        }


def status_of(data: Path, most: int) -> Status:
    """The status of the challenger of a data directory, by its latest `most` shadows.

    Raises:
        DamagedData: the plan makes no sense.
        StorageError: something cannot be read.
    """
    plan = read_plan(data)
    if plan is None:
        return Status()
    loaded, champion = load(Path(plan.rules)), champion_of(data)
    book = loaded.book
    refused = tuple(
        f"{Path(plan.rules) / one.file}:{one.line}: {one.message}" for one in loaded.errors
    )
    lost: tuple[str, ...] = ()
    if book is not None and champion is not None:
        refused, lost = obstacles(plan.part, champion, book), lacking(champion, book)
    responses = responses_in(data / JOURNAL)
    return Status(
        plan,
        "" if book is None else book.version,
        refused,
        lost,
        None if book is None else _shadows(data, plan, book, responses, most),
        _trial(data, plan, responses),
    )


def champion_of(data: Path) -> RuleBook | None:
    """The champion last in force in a data directory; None if none is kept that can be read."""
    kept = kept_in(data)
    try:
        return None if kept is None else load(read_kept(kept)).book
    except (OSError, zipfile.BadZipFile):
        return None


def _shadows(
    data: Path, plan: Plan, book: RuleBook, responses: Responses, most: int
) -> Comparison | None:
    begun = plan.steps[0].since
    shadows = list(shadows_of(data / SHADOWS, plan.name, begun, most))
    missed = missed_by(data / SHADOWS, plan.name, begun)
    if not (shadows or missed):
        return None
    wanted = {shadow.record.decision.decision_id for shadow in shadows}
    earliest = min((s.record.decision.decided_at for s in shadows), default=begun)
    served = {
        record.decision.decision_id: record.decision
        for record in recorded(data / DECISIONS, earliest)
        if record.decision.decision_id in wanted
    }
    return compared(shadows, served, book, responses, missed)


def _trial(data: Path, plan: Plan, responses: Responses) -> Result | None:
    if plan.step(Part.SHARE) is None or not (data / DECISIONS).is_file():
        return None
    return result_of(plan.label, duel(past_decisions(data / DECISIONS), plan, responses.rewards))
