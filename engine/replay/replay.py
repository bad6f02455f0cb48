"""Replay: records are made again by the books that made them, and told apart from what was answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.codec import DecisionRecord
from engine.decision_id import decision_id, is_decision_id
from engine.errors import AttuneError
from engine.model import DecisionId
from engine.replay.again import Again
from engine.replay.comparing import Check, Verdict, attributes, compared
from engine.rulebook.book import RuleBook


class NoBook(AttuneError):
    """The book of a decision is not to be had; the text says what to do."""


Books = Callable[[str], RuleBook]
"""The book of this version. Raises NoBook."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a decision came out when it was made again."""

    decision_id: DecisionId
    rulebook_version: str
    model_version: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its steps: different, then not to be told, else equal."""
        found = {check.verdict for check in self.checks}
        for verdict in (Verdict.DIFFERS, Verdict.UNTOLD):
            if verdict in found:
                return verdict
        return Verdict.EQUAL

    def with_check(self, check: Check) -> "Replayed":
        """The same, one more step being known."""
        return replace(self, checks=(*self.checks, check))


class Replay:
    """Makes records again; each book is prepared once."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._prepared: dict[str, Again] = {}

    def again(self, version: str) -> Again:
        """Makes the decisions of this version of the book again.

        Raises:
            NoBook: that book is not to be had.
        """
        if version not in self._prepared:
            self._prepared[version] = Again(self._books(version))
        return self._prepared[version]

    def replay(self, record: DecisionRecord) -> Replayed:
        """Makes one decision again and compares every step."""
        recorded = record.decision
        checks = [_chance(record)]
        try:
            checks += self._steps(record)
        except NoBook as missing:
            checks.append(Check("rule book", Verdict.UNTOLD, str(missing)))
        except (LookupError, ValueError) as error:
            text = f"the record does not fit its rule book ({error})"
            checks.append(Check("record", Verdict.DIFFERS, text))
        return Replayed(
            recorded.decision_id, recorded.rulebook_version, recorded.model_version, tuple(checks)
        )

    def _steps(self, record: DecisionRecord) -> list[Check]:
        recorded = record.decision
        again = self.again(recorded.rulebook_version)
        checks = [Check("rule book", Verdict.EQUAL, recorded.rulebook_version)]
        if recorded.values:
            checks.append(attributes(recorded.values, again.attributes(record), again.book))
        checks += compared(record, again.decide(record), again.book)
        if recorded.grounds is None and recorded.contests:
            checks = [_doubted(check) for check in checks]
        return checks


def _chance(record: DecisionRecord) -> Check:
    """Whether time and seed are those that the decision's id names."""
    recorded = record.decision
    named = decision_id(recorded.decided_at, recorded.seed)
    if is_decision_id(recorded.decision_id) and recorded.decision_id != named:
        return Check("seed", Verdict.DIFFERS, f"time and seed make the id {named}")
    return Check("seed", Verdict.EQUAL)


def _doubted(check: Check) -> Check:
    """A difference that may come from what a record of an earlier version of Attune does not hold."""
    if check.verdict is not Verdict.DIFFERS:
        return check
    text = f"{check.detail} (the record is of an earlier version, which kept less)"
    return Check(check.step, Verdict.UNTOLD, text)
