"""Common: what the champion's book asks of whatever the challenger offers.

An emergency stop of the champion stops the challenger too; and while both decide, nobody is offered by
the challenger what the champion would need their consent for.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from engine.circumstances import Circumstances
from engine.customer import Knowledge
from engine.limits.limits import Foreseeing, Guard
from engine.model import Decision, PlacementId, Question, Reason, Stage, Value
from engine.rulebook.book import Action, Attribute, Condition, RuleBook, Treatment
from engine.rulebook.stop import Stop

STOPPED: Final = "availability.stopped"
"""The reason code of what the champion stopped."""


def guards_in_common(
    champion: RuleBook, challenger: RuleBook, *, consent: bool = True
) -> tuple[Guard, ...]:
    """The guards that keep the challenger to the champion's stops and, with `consent`, its consents.

    Where none of them could close anything, there are none.
    """
    guards: list[Guard] = []
    stopped = _stopped(champion, challenger)
    if stopped:
        guards.append(StopsInCommon(stopped))
    asked = _consents(champion, challenger) if consent else {}
    if asked:
        guards.append(ConsentInCommon(champion, challenger, asked))
    return tuple(guards)


class Closed(Foreseeing):
    """Treatments that are closed for one answer, whatever else it holds; see `engine.limits.limits.Limit`.

    Mandatory actions are no exception.
    """

    __slots__ = ("_reasons",)

    def __init__(self, reasons: dict[int, tuple[Reason, ...]]) -> None:
        self._reasons = reasons

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those that are not closed."""
        return [t for t in treatments if t not in self._reasons]

    def steady(self, picks: int) -> bool:  # noqa: ARG002  # the limits' contract
        """An offer changes nothing for the next."""
        return True

    def chosen(self, treatment: int) -> None:
        """Nothing is counted."""

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether none of these is closed."""
        return self._reasons.keys().isdisjoint(treatments)

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """Why it is closed; () if it is not."""
        return self._reasons.get(treatment, ())


class Stopped(Closed):
    """What the champion stopped."""

    stage: ClassVar = Stage.AVAILABILITY


class Unconsented(Closed):
    """What the champion's conditions of consent are not definitely true for."""

    stage: ClassVar = Stage.CONSENT_AND_CONTACT


class StopsInCommon:
    """Keeps the challenger to the champion's stop.yaml; see `engine.limits.limits.Guard`."""

    def __init__(self, stopped: Sequence[tuple[Stop, frozenset[int]]]) -> None:
        self._stopped = stopped

    def limit(
        self,
        question: Question,  # noqa: ARG002  # the guards' contract
        given: Circumstances,
        values: Sequence[Value],  # noqa: ARG002
    ) -> Stopped | None:
        """What is stopped at this moment; None if nothing is."""
        reasons: dict[int, tuple[Reason, ...]] = {}
        for stop, treatments in self._stopped:
            if stop.holds(given.now):
                text = f"stopped for the champion: {stop}"
                reason = Reason(Stage.AVAILABILITY, STOPPED, False, text, stop.place, {})
                for treatment in treatments:
                    reasons[treatment] = (*reasons.get(treatment, ()), reason)
        return Stopped(reasons) if reasons else None

    def commit(self, decision: Decision) -> None:
        """Nothing is kept beyond an answer."""


class ConsentInCommon:
    """Keeps the challenger to the champion's conditions of consent; see `engine.limits.limits.Guard`.

    `asked` are, by treatment of the challenger, the conditions of the champion it has not itself.
    """

    def __init__(
        self, champion: RuleBook, challenger: RuleBook, asked: dict[int, tuple[Condition, ...]]
    ) -> None:
        self._champion = champion
        self._knowledge = Knowledge(champion)
        self._asked = asked
        self._at: dict[PlacementId, list[int]] = defaultdict(list)
        for treatment in asked:
            self._at[challenger.treatments[treatment].placement].append(treatment)

    def limit(
        self,
        question: Question,
        given: Circumstances,
        values: Sequence[Value],  # noqa: ARG002  # the champion reads what it declares itself
    ) -> Unconsented | None:
        """What needs a consent that is not given, or not known; None if nothing does."""
        reasons: dict[int, tuple[Reason, ...]] = {}
        for placement in question.placements:
            if placement not in self._at:
                continue
            asked = replace(question, placements=(placement,))
            seen = self._knowledge.values(given.customer, asked, given.now)
            truths = self._champion.conditions_of(seen)
            for treatment in self._at[placement]:
                found = tuple(
                    _missing(condition, unknown=truths[condition.index] is None)
                    for condition in self._asked[treatment]
                    if truths[condition.index] is not True
                )
                if found:
                    reasons[treatment] = found
        return Unconsented(reasons) if reasons else None

    def commit(self, decision: Decision) -> None:
        """Nothing is kept beyond an answer."""


def _missing(condition: Condition, *, unknown: bool) -> Reason:
    stage, text = Stage.CONSENT_AND_CONTACT, f"the champion asks for consent: {condition.text}"
    return Reason(stage, condition.code, unknown, text, condition.place, {})


# --- stops --------------------------------------------------------------------------------------


def _stopped(champion: RuleBook, challenger: RuleBook) -> tuple[tuple[Stop, frozenset[int]], ...]:
    """The champion's stops, and which treatments of the challenger each of them is about."""
    found = (
        (stop, frozenset(t.index for t in challenger.treatments if _about(stop, t, challenger)))
        for stop in champion.stops
    )
    return tuple((stop, treatments) for stop, treatments in found if treatments)


def _about(stop: Stop, treatment: Treatment, book: RuleBook) -> bool:
    action = book.actions[treatment.action]
    names = {
        "action": action.action_id,
        "treatment": treatment.treatment_id,
        "placement": treatment.placement,
        "group": action.group,
        "issue": action.issue,
        "channel": book.placements[treatment.placement].channel,
    }
    return names[stop.kind] == stop.name


# --- consent ------------------------------------------------------------------------------------


def _consents(champion: RuleBook, challenger: RuleBook) -> dict[int, tuple[Condition, ...]]:
    """By treatment of the challenger the champion's conditions of consent it does not ask itself."""
    known = {action.action_id: action for action in champion.actions}
    everywhere = [c for c in champion.conditions if c.level == "all_actions"]
    asked: dict[int, tuple[Condition, ...]] = {}
    for action in challenger.actions:
        same = known.get(action.action_id)
        if same is None:
            conditions: Iterable[Condition] = [
                c for c in everywhere if c.name not in action.opt_out
            ]
        else:
            conditions = (champion.conditions[index] for index in same.conditions)
        needed = tuple(
            c
            for c in conditions
            if c.stage is Stage.CONSENT_AND_CONTACT and not _asks(challenger, action, c, champion)
        )
        if needed:
            asked.update((treatment, needed) for treatment in action.treatments)
    return asked


def _asks(challenger: RuleBook, action: Action, condition: Condition, champion: RuleBook) -> bool:
    """Whether the challenger's action asks the very same, of attributes that are declared alike."""
    texts = {challenger.conditions[index].text for index in action.conditions}
    return condition.text in texts and all(
        _declared(challenger, name) == _declared(champion, name) for name in condition.reads
    )


def _declared(book: RuleBook, name: str) -> Attribute | None:
    at = book.index.get(name)
    return None if at is None else replace(book.attributes[at], index=0, description="")
