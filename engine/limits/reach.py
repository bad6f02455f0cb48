"""Limit: on channels where the firm speaks first, an action nobody knows yet reaches a few at first."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import ClassVar, Final

from engine.circumstances import Circumstances
from engine.learning.evidence import Evidence
from engine.limits.limits import Foreseeing
from engine.model import ActionId, CustomerId, Decision, Question, Reason, Stage, Value
from engine.rulebook.book import ActionClass, RuleBook, Untrained

UNTRAINED: Final = "exploration.untrained"
"""The reason code."""


def lot(customer_id: CustomerId, action_id: ActionId) -> float:
    """Where a customer stands in the queue for an untrained action, in [0, 1): always the same place.

    >>> 0.0 <= lot(CustomerId("anna"), ActionId("gift")) < 1.0
    True
    """
    salted = f"{action_id}\\x00{customer_id}".encode()
    digest = blake2b(salted, digest_size=8, person=b"attune.reach").digest()
    return int.from_bytes(digest, "big") / 2.0**64


class ReachGuard:
    """Which customers promotional actions reach on outbound channels, by what has been seen of each.

    A customer is reached while their lot is below `Untrained.share` of the action's positives, and so
    stays reached as it grows; given the customer, chance has no part in it. `evidence` is asked anew
    for each answer.
    """

    def __init__(
        self, book: RuleBook, untrained: Untrained, evidence: Callable[[], Evidence]
    ) -> None:
        self._untrained = untrained
        self._evidence = evidence
        self._outbound = book.contact.outbound
        self._name_of: dict[int, ActionId] = {
            treatment.index: book.actions[treatment.action].action_id
            for treatment in book.treatments
            if book.actions[treatment.action].action_class is ActionClass.PROMOTIONAL
        }

    def limit(
        self,
        question: Question,
        given: Circumstances,  # noqa: ARG002  # the guards' contract
        values: Sequence[Value],  # noqa: ARG002
    ) -> "Reach | None":
        """How far actions reach now; None on channels where the customer comes to the firm."""
        return Reach(self, question.customer_id) if question.channel in self._outbound else None

    def commit(self, decision: Decision) -> None:
        """Nothing is kept beyond an answer."""

    def why_not(self, treatment: int, customer_id: CustomerId) -> str:
        """Why a treatment does not reach a customer, for people; empty if it does."""
        name = self._name_of.get(treatment)
        if name is None:
            return ""
        positives = self._evidence().of(name).positives
        share = self._untrained.share(positives)
        if share >= 1.0 or lot(customer_id, name) < share:
            return ""
        return (
            f"untrained: with {positives:.4g} positives of {self._untrained.positives:g} it is for"
            f" {100 * share:.3g} % of customers, and not yet for this one"
        )


class Reach(Foreseeing):
    """How far actions reach for one answer; no offer changes that."""

    stage: ClassVar = Stage.ARBITRATION

    __slots__ = ("_customer", "_guard")

    def __init__(self, guard: ReachGuard, customer_id: CustomerId) -> None:
        self._guard = guard
        self._customer = customer_id

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those that reach the customer."""
        return [t for t in treatments if not self._guard.why_not(t, self._customer)]

    def steady(self, picks: int) -> bool:  # noqa: ARG002  # the limits' contract
        """Always: nothing closes what is open."""
        return True

    def chosen(self, treatment: int) -> None:
        """Nothing is counted."""

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether all of them reach the customer."""
        return len(self.open_to(treatments)) == len(treatments)

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """That it is untrained, if it does not reach the customer."""
        why = self._guard.why_not(treatment, self._customer)
        return (Reason(Stage.ARBITRATION, UNTRAINED, False, why, "", {}),) if why else ()
