"""Compare: how a challenger's shadows differ from the decisions they follow, and what they would earn."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from engine.challenger.shadowing import Missed, Shadow
from engine.codec import DecisionRecord
from engine.evaluation.decisions import Responses
from engine.evaluation.evaluate import Evaluation
from engine.exploration.thompson import Doubt
from engine.model import (
    ActionId,
    Contest,
    Decision,
    DecisionId,
    Offer,
    PlacementId,
    PlacementOffers,
)
from engine.replay.again import tables_of
from engine.rulebook.book import RuleBook
from engine.simulation.first_slot import NOTHING, first_slot
from engine.simulation.replay import lessons_of
from engine.simulation.seen import Seen, Shares

_MILLI: Final = 1_000.0


class Taken(NamedTuple):
    """How long decisions took, in milliseconds: the median, and what 1 in 100 exceeds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Taken":
        """From seconds; there must be some."""
        p50, p99 = np.quantile(seconds, (0.5, 0.99)) * _MILLI
        return cls(float(p50), float(p99))


class Offered(NamedTuple):
    """How often an action was offered by the champion, and would have been by the challenger."""

    action_id: ActionId
    champion: int
    challenger: int


class Firsts(NamedTuple):
    """Means over first offers: priority, propensity and value; None if there are none."""

    priority: float
    propensity: float
    value: float

    @classmethod
    def of(cls, offers: Sequence[Offer]) -> "Firsts | None":
        """Over these."""
        if not offers:
            return None
        told = np.array([(o.priority, o.propensity, o.value) for o in offers])
        return cls(*(float(mean) for mean in told.mean(axis=0)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What shadows say of a challenger.

    Attributes:
        shadows: how many were compared, each with the decision it follows.
        left_out: how many were not, by why: an earlier book of the challenger's, a decision no longer
            kept, or a customer in a trial of the challenger's.
        missed: how many decisions were picked and have no shadow.
        placements: how many placements were asked for; `agreed`: in how many both show the same first.
        silenced: where the champion shows an offer and the challenger would show none; `awakened`: the
            other way round.
        offers: by action, the greatest change first.
        acceptance: the share of the champion's first offers accepted, and what the challenger's would
            be; None if no offer was seen. `value`: the same of the value accepted.
    """

    shadows: int
    left_out: Mapping[str, int]
    missed: Mapping[Missed, int]
    placements: int
    agreed: int
    silenced: int
    awakened: int
    offers: tuple[Offered, ...]
    champion: Firsts | None
    challenger: Firsts | None
    champion_took: Taken | None
    challenger_took: Taken | None
    acceptance: Evaluation | None
    value: Evaluation | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON; times in milliseconds."""
        return {
            "shadows": self.shadows,
            "left_out": dict(self.left_out),
            "missed": {str(why): number for why, number in self.missed.items()},
            "placements": self.placements,
            "same_first_offer": self.agreed,
            "silenced": self.silenced,
            "awakened": self.awakened,
            "offers": [offered._asdict() for offered in self.offers],
            "first_offers": {
                "champion": _told(self.champion),
                "challenger": _told(self.challenger),
            },
            "decide_ms": {
                "champion": _told(self.champion_took),
                "challenger": _told(self.challenger_took),
            },
            "acceptance": self.acceptance and self.acceptance.to_dict(),
            "value": self.value and self.value.to_dict(),
        }


def _told(figures: Firsts | Taken | None) -> dict[str, float] | None:
    return None if figures is None else figures._asdict()


def compared(
    shadows: Iterable[Shadow],
    served: Mapping[DecisionId, Decision],
    book: RuleBook,
    responses: Responses,
    missed: Mapping[Missed, int],
) -> Comparison:
    """Compares the shadows that `book` cast with what was `served`."""
    sums = _Sums(Seen(responses))
    for shadow in shadows:
        sums.note(shadow, served, book)
    return sums.comparison(missed)


@dataclass(slots=True)
class _Sums:
    seen: Seen
    shadows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    placements: int = 0
    agreed: int = 0
    silenced: int = 0
    awakened: int = 0
    firsts: tuple[list[Offer], list[Offer]] = field(default_factory=lambda: ([], []))
    offers: tuple[Counter[ActionId], Counter[ActionId]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    took: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))

    def note(self, shadow: Shadow, served: Mapping[DecisionId, Decision], book: RuleBook) -> None:
        """Takes in one shadow."""
        unseen = shadow.record.decision
        logged = served.get(unseen.decision_id)
        why = _why_not(logged, unseen, book)
        if why or logged is None:
            self.left_out[why] += 1
            return
        self.shadows += 1
        self.took[0].append(shadow.served)
        self.took[1].append(shadow.took)
        theirs = {placed.placement: placed for placed in unseen.placements}
        for placed in logged.placements:
            self._note_placement(placed, theirs[placed.placement])
        self.seen.note(logged, lambda at: [_first(shadow.record, at, book)])

    def _note_placement(self, ours: PlacementOffers, theirs: PlacementOffers) -> None:
        sides = [[] if placed.fallback else placed.offers for placed in (ours, theirs)]
        first, other = (offers[0].action_id if offers else None for offers in sides)
        self.placements += 1
        self.agreed += first == other
        self.silenced += other is None and first is not None
        self.awakened += first is None and other is not None
        for offers, firsts, counts in zip(sides, self.firsts, self.offers, strict=True):
            firsts.extend(offers[:1])
            counts.update(offer.action_id for offer in offers)

    def comparison(self, missed: Mapping[Missed, int]) -> Comparison:
        """All that was taken in."""
        ours, theirs = self.offers
        names = sorted(ours.keys() | theirs.keys(), key=lambda a: (-abs(ours[a] - theirs[a]), a))
        acceptance, value = self.seen.evaluated() if self.seen.rows else (None, None)
        champion, challenger = (Taken.of(took) if took else None for took in self.took)
        return Comparison(
            self.shadows,
            self.left_out,
            missed,
            self.placements,
            self.agreed,
            self.silenced,
            self.awakened,
            tuple(Offered(name, ours[name], theirs[name]) for name in names),
            Firsts.of(self.firsts[0]),
            Firsts.of(self.firsts[1]),
            champion,
            challenger,
            acceptance,
            value,
        )


def _why_not(logged: Decision | None, unseen: Decision, book: RuleBook) -> str:
    """Why a shadow is not compared; empty if it is."""
    if unseen.rulebook_version != book.version:
        return "by an earlier book of the challenger's"
    if logged is None:
        return "of decisions not kept any more"
    return "of customers in a trial of the challenger's" if unseen.holdout else ""


def _first(record: DecisionRecord, at: PlacementId, book: RuleBook) -> Shares:
    """With which probability the challenger would have shown each action first.

    A shadow does not say why nothing was to be tried out; then its first offer is certain.
    """
    decision = record.decision
    placed = next((placed for placed in decision.placements if placed.placement == at), None)
    if placed is None or placed.fallback:
        return NOTHING
    if placed.offers[0].probability == 1.0:
        return {placed.offers[0].action_id: 1.0}
    venture = decision.grounds.venture if decision.grounds is not None else None
    tables = None if venture is None else tables_of(venture, len(book.actions))

    def doubt(contest: Contest) -> Doubt | None:
        if tables is None or contest.propensities is None:
            return None
        worth = contest.context * contest.value * contest.lever
        return Doubt(contest.propensities, worth, tables)

    return first_slot(decision, at, book, lessons_of(decision.model_version), doubt)
