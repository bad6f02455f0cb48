"""Caps at the one point every offer passes: how they stand, and who took a share."""

from collections import defaultdict
from collections.abc import Sequence

from engine.caps.accounts import Accounts
from engine.caps.board import Board
from engine.caps.catalogue import units_foretold
from engine.caps.meter import Meter
from engine.caps.periods import span_of
from engine.caps.standing import CapsLimit
from engine.caps.vault import AccountKey, Charge, Share
from engine.circumstances import Circumstances
from engine.model import (
    NOT_DELIVERED,
    ActionId,
    Decision,
    DecisionId,
    Exposure,
    Micros,
    Question,
    Response,
    Value,
)
from engine.rulebook.book import RuleBook


class CapsGuard:
    """The caps of one book, over a ledger that outlives the book."""

    def __init__(self, book: RuleBook, ledger: Accounts) -> None:
        self.ledger = ledger
        self._board = Board(book.caps, ledger)
        self._numbers_of = book.numbers_of
        self._treatments = {t.treatment_id: t.index for t in book.treatments}
        self._shown_as = {
            (book.actions[t.action].action_id, t.placement): t.index for t in book.treatments
        }
        self._latest: CapsLimit | None = None

    @property
    def meters(self) -> tuple[Meter, ...]:
        """Every cap, at its account."""
        return self._board.meters

    def limit(
        self, question: Question, given: Circumstances, values: Sequence[Value]
    ) -> CapsLimit | None:
        """How the caps stand for this answer; None if the book has none."""
        del question
        if not self._board.under:
            return None
        self._board.look(given.now)
        self._latest = self._standing(given.decision_id, given.now, values)
        return self._latest

    def commit(self, decision: Decision) -> None:
        """Reserves what the offers of a final decision take, and lets the prices learn from it."""
        if not self._board.under:
            return
        standing, self._latest = self._latest, None
        if standing is None or standing.decision_id != decision.decision_id:
            standing = self._standing(decision.decision_id, decision.decided_at, decision.values)
        taken: dict[Meter, int] = defaultdict(int)
        for placed in decision.placements:
            for offer in () if placed.fallback else placed.offers:
                treatment = self._treatments[offer.treatment_id]
                for meter in self._reserve(decision, offer.action_id, treatment, standing):
                    taken[meter] += standing.units(meter) or 0
        standing.learn(taken)

    def knows(self, exposure: Exposure) -> bool:
        """Whether the book offers this action in this placement."""
        return (exposure.action_id, exposure.placement) in self._shown_as

    def observe(self, response: Response) -> None:
        """What a response on disk says of its offer's share: it was shown, or was not delivered."""
        told = response.exposure
        if response.outcome == NOT_DELIVERED:
            self.ledger.release(told.decision_id, told.action_id)
            return
        if self.ledger.confirm(told.decision_id, told.action_id):
            return
        treatment = self._shown_as.get((told.action_id, told.placement))
        meters = () if treatment is None else self._board.under.get(treatment, ())
        if meters:
            charges = tuple(_charge_of(meter, told.decided_at) for meter in meters)
            self.ledger.settle(Share(told.decision_id, told.action_id, charges, told.decided_at))

    def tend(self, now: Micros, ahead: Micros) -> None:
        """What time alone brings: shares given back, and the blocks of periods up to `ahead` drawn."""
        self.ledger.tend(now)
        self._board.tend(now, ahead)

    def _standing(self, decision_id: DecisionId, now: Micros, values: Sequence[Value]) -> CapsLimit:
        numbers_of = self._numbers_of
        return CapsLimit(self._board, decision_id, now, lambda: numbers_of(values))

    def _reserve(
        self, decision: Decision, action_id: ActionId, treatment: int, standing: CapsLimit
    ) -> tuple[Meter, ...]:
        meters = self._board.under.get(treatment, ())
        if meters:
            now = decision.decided_at
            charges = tuple(Charge(m.account(now).key, standing.units(m) or 0) for m in meters)
            until = now + max(meter.cap.hold for meter in meters)
            self.ledger.reserve(Share(decision.decision_id, action_id, charges, until))
        return meters


def _charge_of(meter: Meter, decided_at: Micros) -> Charge:
    """What an offer took of a cap, as far as the book tells."""
    cap = meter.cap
    start = span_of(cap.period, decided_at, cap.timezone).start
    return Charge(AccountKey(cap.key, start), units_foretold(cap))
