"""Each model by itself. A model is one action on one channel, as the trade counts them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.health import limits
from engine.health.drift import Change, changes
from engine.health.importance import Importance
from engine.health.limits import Severity, worst
from engine.health.measures import Calibration, Estimate, auc, calibration, losses, rate
from engine.health.seen import Seen
from engine.model import DAY, ActionId, Micros
from engine.rulebook.book import RuleBook


class ModelKey(NamedTuple):
    """Which model: an action on a channel."""

    action_id: ActionId
    channel: str

    def __str__(self) -> str:
        return f"{self.action_id} on {self.channel}"


class Day(NamedTuple):
    """What a model did on one day (UTC; `start` is its midnight)."""

    start: Micros
    offers: int
    expected: float
    observed: Estimate
    log_loss: float


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How well one model did.

    Attributes:
        offered: whether the rule book still has the action on this channel.
        offers: how many it was judged by.
        positives: the sum of their rewards: an accept is 1, what counts less is less.
        auc: None until somebody took the action and somebody did not.
        days: by day of the decision, in order.
        changes: where its log-loss changed.
        importance: the features by how far they move it; empty if the weights are not at hand.
    """

    key: ModelKey
    group: str
    offered: bool
    offers: int
    positives: float
    auc: Estimate | None = None
    calibration: Calibration | None = None
    days: tuple[Day, ...] = ()
    changes: tuple[Change, ...] = ()
    importance: tuple[Importance, ...] = field(default=(), compare=False)

    @property
    def success(self) -> Estimate:
        """Positives per offer."""
        return rate(self.positives, self.offers)

    @property
    def mature(self) -> bool:
        """Whether it has learned from enough positives."""
        return self.positives >= limits.ENOUGH_POSITIVES

    @property
    def severities(self) -> Mapping[str, Severity]:
        """What each of its figures means. Few positives are a warning; with many offers, none is critical."""
        return {
            "positives": self._of_positives(),
            "auc": self._of_auc(),
            "calibration": self._of_calibration(),
            "drift": limits.DRIFT.severity(sum(change.worse for change in self.changes)),
        }

    @property
    def severity(self) -> Severity:
        """The worst of its figures."""
        return worst(*self.severities.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is not known is null."""
        ratio = self._ratio()
        return {
            "action": self.key.action_id,
            "channel": self.key.channel,
            "group": self.group,
            "offered": self.offered,
            "responses": self.offers,
            "positives": self.positives,
            "success_rate": told(self.success),
            "mature": self.mature,
            "auc": None if self.auc is None else told(self.auc),
            "calibration_error": None if self.calibration is None else self.calibration.error,
            "expected_over_observed": None if ratio is None else told(ratio),
            "drift": [change._asdict() | {"worse": change.worse} for change in self.changes],
            "importance": [one._asdict() for one in self.importance],
            "severities": dict(self.severities),
            "severity": self.severity,
        }

    def _of_positives(self) -> Severity:
        severity = limits.POSITIVES.severity(self.positives)
        few = self.offers < limits.ENOUGH_POSITIVES
        return Severity.WARNING if severity is Severity.CRITICAL and few else severity

    def _of_auc(self) -> Severity:
        few = min(self.positives, self.offers - self.positives) < limits.ENOUGH_TO_TELL
        return Severity.UNTOLD if few else _judged(limits.AUC, self.auc)

    def _of_calibration(self) -> Severity:
        few = max(self.positives, self._expected()) < limits.ENOUGH_TO_TELL
        return Severity.UNTOLD if few else _judged(limits.CALIBRATION, self._ratio())

    def _expected(self) -> float:
        return sum(day.expected * day.offers for day in self.days)

    def _ratio(self) -> Estimate | None:
        return None if self.calibration is None else self.calibration.ratio


def told(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON; a bound that is not finite is null."""
    low, value, high = (
        bound if np.isfinite(bound) else None
        for bound in (estimate.low, estimate.value, estimate.high)
    )
    return {"estimate": value, "interval": [low, high]}


def by_model(offers: Iterable[Seen]) -> dict[ModelKey, list[Seen]]:
    """The offers of each model, in their order."""
    found: dict[ModelKey, list[Seen]] = {}
    for seen in offers:
        key = ModelKey(seen.exposure.action_id, seen.exposure.channel)
        found.setdefault(key, []).append(seen)
    return found


def models_of(book: RuleBook) -> dict[ModelKey, str]:
    """The models that a book can ask, each with its group: every action on every channel it is shown on."""
    found = {}
    for treatment in book.treatments:
        action = book.actions[treatment.action]
        channel = book.placements[treatment.placement].channel
        found[ModelKey(action.action_id, channel)] = action.group
    return found


def judged(
    key: ModelKey, offers: Sequence[Seen], offered: bool, importance: tuple[Importance, ...] = ()
) -> ModelHealth:
    """The health of the model that made these offers, in the order it learned of them; at least one."""
    propensities = np.array([seen.exposure.propensity for seen in offers])
    rewards = np.array([seen.reward for seen in offers])
    times = [seen.exposure.decided_at for seen in offers]
    return ModelHealth(
        key,
        offers[-1].exposure.group,
        offered,
        len(offers),
        float(rewards.sum()),
        auc(propensities, rewards),
        calibration(propensities, rewards),
        tuple(_days(np.array(times), propensities, rewards)),
        changes(losses(propensities, rewards), times),
        importance,
    )


def _days(times: Any, propensities: Any, rewards: Any) -> Iterator[Day]:
    days = times // DAY
    for day in np.unique(days).tolist():
        mine = days == day
        seen = rewards[mine]
        yield Day(
            day * DAY,
            len(seen),
            float(propensities[mine].mean()),
            rate(float(seen.sum()), len(seen)),
            float(losses(propensities[mine], seen).mean()),
        )


def _judged(limit: limits.Limit, estimate: Estimate | None) -> Severity:
    if estimate is None:
        return Severity.UNTOLD
    return limit.judged(estimate.value, estimate.interval)
