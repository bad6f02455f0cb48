"""Why a recorded decision thought an offer so likely: its propensity taken apart by feature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from engine.codec import DecisionRecord
from engine.errors import NotFound
from engine.learn import lessons_of
from engine.learning.binding import bind, consulted
from engine.learning.contributions import Contribution, Contributions, ScoreExplainer
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.learning.odds import logit
from engine.learning.panel import no_hurry
from engine.model import ActionId, Decision, Value
from engine.replay.model_then import Advance, model_now, model_then
from engine.rulebook.book import Action, RuleBook

_EQUAL: Final = 1e-9
_LEAST: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Score:
    """The propensity of one action in one decision, and what it was made of.

    Attributes:
        recorded: what the decision used; None if the action did not compete.
        given: what the model explained gives.
        parts: whose sum with `parts.intercept` is the logit, if `exact`. Otherwise each part is by how
            much the logit falls when this feature alone is missing, and they need not sum to anything.
        as_decided: whether the model explained is the one that decided, and not today's.
    """

    action_id: ActionId
    channel: str
    recorded: float | None
    given: float
    parts: Contributions
    exact: bool
    as_decided: bool


def scores(
    data: Path,
    record: DecisionRecord,
    book: RuleBook,
    actions: Sequence[ActionId],
    advance: Advance,
) -> tuple[Score, ...]:
    """The propensities of these actions of the book, taken apart.

    They are those of the model as it was at the decision, learned again if need be; where the journal
    cannot tell it any more, those of the last checkpoint.

    Raises:
        NotFound: the model was not asked in this decision, or no model is left to ask.
        InvalidInput: this is no data directory.
        StorageError: it cannot be read.
    """
    decision = record.decision
    if decision.features is None or lessons_of(decision.model_version) is None:
        raise NotFound(f"decision {decision.decision_id} was made without asking the model")
    then = model_then(data, decision.model_version, advance)
    mind = model_now(data) if then is None else then
    if mind is None:
        raise NotFound(
            f"neither the model of decision {decision.decision_id} nor a later one is in {data}"
        )
    told = _Told(mind, book, decision, decision.features, as_decided=then is not None)
    wanted = [action for action in book.actions if action.action_id in actions]
    return tuple(map(told.score, wanted))


class _Told:
    """A model asked about one decision."""

    def __init__(
        self,
        mind: Mind,
        book: RuleBook,
        decision: Decision,
        features: Sequence[Value],
        *,
        as_decided: bool,
    ) -> None:
        self._model = bind(mind, book)
        self._names = Curriculum.for_book(book).schema.names
        self._explainer = ScoreExplainer(mind)
        self._everything = np.arange(len(book.actions))
        self._decision = decision
        self._features = features
        self._as_decided = as_decided

    def score(self, action: Action) -> Score:
        """One action's propensity, exactly where it is a sum over the features."""
        decision = self._decision
        exact = self._explainer.contributions(
            decision.schema, self._features, action.action_id, action.group, decision.channel
        )
        given = self._ask(action, self._features)
        is_sum = abs(exact.propensity - given) < _EQUAL
        parts = exact if is_sum else self._by_leaving_out(action, exact, given)
        recorded = _recorded(decision, action)
        return Score(
            action.action_id, decision.channel, recorded, given, parts, is_sum, self._as_decided
        )

    def _ask(self, action: Action, features: Sequence[Value]) -> float:
        """The propensity as a decision with all the time in the world would have it."""
        channel = self._decision.channel
        found = self._model.predict(features, channel, self._everything)
        asked = consulted(self._model)
        if asked is not None:
            asked.consult(found, features, channel, {action.index}, no_hurry)
        return float(found[action.index])

    def _by_leaving_out(self, action: Action, known: Contributions, given: float) -> Contributions:
        parts = left_out(self._names, self._features, given, partial(self._ask, action))
        return Contributions(logit(given, _LEAST), ((),), parts, known.version)


def left_out(
    names: Sequence[str],
    features: Sequence[Value],
    given: float,
    ask: Callable[[Sequence[Value]], float],
) -> tuple[Contribution, ...]:
    """By how much the logit of a propensity falls when one feature alone is missing, for each of them.

    `given` is the propensity with all features, `ask` says it for others.
    """
    whole = logit(given, _LEAST)
    parts = []
    for at, (name, value) in enumerate(zip(names, features, strict=True)):
        without = [None if place == at else other for place, other in enumerate(features)]
        moved = 0.0 if value is None else whole - logit(ask(without), _LEAST)
        parts.append(Contribution(name, value, (moved,)))
    return tuple(parts)


def _recorded(decision: Decision, action: Action) -> float | None:
    for contest in decision.contests:
        if contest.propensities is not None:
            propensity = float(contest.propensities[action.index])
            if not np.isnan(propensity):
                return propensity
    return None
