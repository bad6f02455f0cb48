"""Estimator: one classifier of river that learns from the offers of some actions, and answers for them."""

import math
from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Self, cast

import numpy as np
from river import base, linear_model, optim

from engine.estimators.additive import Additive, Vector, additive
from engine.estimators.build import build
from engine.estimators.calibration import Calibration, sigmoids
from engine.estimators.inputs import Input, Inputs, form_for
from engine.estimators.spec import Spec
from engine.learning.odds import sigmoid
from engine.learning.weights import Correction, LessonLoss
from engine.model import TrainingExample

_CERTAIN: Final = 1e-9


class Estimator:
    """Learns lessons one by one and gives propensities; one for all actions its model is set over.

    It sees the action, the channel and the action's attributes among its features, so that the actions
    share what they have in common.

    What river learns is a yes or a no. A reward between 0 and 1 is a yes for that share of decisions,
    chosen by their ids. An exposure that has not succeeded yet teaches a no; when it does later, a yes
    is taught besides. Of the yeses, the share φ then has a no beside it that was none, and the share b
    of yeses that is expected is too low: of N exposures with P successes it has seen N + φP, so b = P / (N + φP)
    and the propensity is p = b / (1 − φb). (This is the correction of Ktena et al., "Addressing delayed
    feedback for continuous training", RecSys 2019, their FNW, where φ = 1.)

    What river expects is set right by its own record (`engine.estimators.calibration`) before that.

    Logistic regression is taught the reward itself, and later the exact difference, as the default
    model is (`engine.learning.weights.LessonLoss`), and answers as river does. Where an offer turns out not to have
    been delivered, it takes a step back; no other classifier can, and keeps what it learned.

    Args:
        spec: what to learn by.

    >>> from engine.features import Feature, FeatureKind
    >>> from engine.model import ActionId, DecisionId
    >>> spec = Spec("plans", "naive_bayes.BernoulliNB", features=(Feature("vip", FeatureKind.FLAG),))
    >>> estimator = Estimator(spec)
    >>> for n in range(200):
    ...     vip = n % 2 == 0
    ...     estimator.learn_one(TrainingExample(DecisionId(f"d{n}"), ActionId("a"), "g", "web", "", [vip],
    ...                                         float(vip), None), [vip], {})
    >>> estimator.predict_one([True], "web", "a", {}) > 0.9 > 0.1 > estimator.predict_one([False], "web", "a", {})
    True
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.inputs = Inputs(spec.features, form_for(spec.innermost))
        self.lessons = 0
        self._river = build(spec.estimator, spec.parameters)
        self._exact = _takes_fractions(self._river)
        self._labels = {True: 0, False: 0}
        self._doubled = 0
        self._calibration = Calibration()
        self.sum: Additive | None = additive(self._river)
        """What it knows as a sum over features; None if that is not how it reckons."""

    @property
    def can_tell(self) -> bool:
        """Whether it has seen successes and failures, without which it knows nothing."""
        return self._exact or all(self._labels.values())

    def learn_one(
        self, example: TrainingExample, raw: Sequence[Any], attributes: Mapping[str, str]
    ) -> None:
        """Learns one lesson.

        Args:
            example: what was earned; its own features are not looked at.
            raw: the values of the features of `spec`, in their order.
            attributes: those of the action.
        """
        x = self._x(raw, example.channel, example.action_id, attributes)
        if example.taken_back:
            self._take_back(x)
            return
        knew = self.can_tell and not self._exact
        labels = self._targets(example)
        for label in labels:
            if knew:
                self._calibrate(x, label=label)
            self._river.learn_one(cast("dict[Hashable, Any]", x), label)
            self._labels[bool(label)] += 1
            self._doubled += example.taught is not None
        if labels and self.sum is not None:
            self.sum.touch(x)
        if example.taught is None:
            self.inputs.learn_one(raw)
            self.lessons += 1

    def _take_back(self, x: Input) -> None:
        """Undoes the lesson of an offer that was not delivered after all, where river can."""
        if self._exact:
            self._river.learn_one(cast("dict[Hashable, Any]", x), 0.0, w=-1.0)  # type: ignore[call-arg, arg-type]  # of linear models
            if self.sum is not None:
                self.sum.touch(x)

    def predict_one(
        self, raw: Sequence[Any], channel: str, action: str, attributes: Mapping[str, str]
    ) -> float | None:
        """The propensity in [0, 1] of one action; None if it cannot tell."""
        return self.answer(self._x(raw, channel, action, attributes))

    def answer(self, x: Input) -> float | None:
        """The propensity of what `inputs` made x of."""
        if not self.can_tell:
            return None
        return self.propensity(self.by_river(x))

    def by_river(self, x: Input) -> float:
        """The share of yeses that river expects, by its `predict_proba_one`."""
        return float(self._river.predict_proba_one(cast("dict[Hashable, Any]", x)).get(True, 0.0))

    def propensity(self, share: float) -> float | None:
        """The propensity, of the share of yeses that river expects; None if that is no number.

        >>> estimator = Estimator(Spec("any", "linear_model.LogisticRegression"))
        >>> estimator.propensity(0.25), estimator.propensity(math.nan)
        (0.25, None)
        """
        if not math.isfinite(share):
            return None
        if self._exact:
            return share
        expected = self._calibration.of(share)
        doubled = self._doubled / max(self._labels[True], 1)
        return min(1.0, expected / max(1.0 - doubled * expected, _CERTAIN))

    def propensities(self, logits: Vector) -> Vector:
        """The propensities of so many log-odds of what river expects; NaN where those are no numbers."""
        expected = sigmoids(logits) if self._exact else self._calibration.of_logits(logits)
        doubled = 0.0 if self._exact else self._doubled / max(self._labels[True], 1)
        found: Vector = np.minimum(1.0, expected / np.maximum(1.0 - doubled * expected, _CERTAIN))
        return found

    def _calibrate(self, x: Input, *, label: bool) -> None:
        """Compares what it expects with what it is about to be taught."""
        share = self.by_river(x) if self.sum is None else sigmoid(self.sum.shared(x))
        if math.isfinite(share):
            self._calibration.learn_one(share, float(label))

    def _x(
        self, raw: Sequence[Any], channel: str, action: str, attributes: Mapping[str, str]
    ) -> Input:
        x = self.inputs.of_customer(raw, channel)
        x.update(self.inputs.of_action(action, attributes))
        return x

    def _targets(self, example: TrainingExample) -> list[Any]:
        """What river is to be taught, in order."""
        reward, taught = example.reward, example.taught
        if self._exact:
            return [reward if taught is None else Correction(reward - taught)]
        luck = _luck(example)
        if taught is not None and (luck < taught or luck >= reward):
            return []
        return [luck < reward]

    @property
    def state(self) -> tuple[Any, ...]:
        """Everything learned, in parts of river and plain values; not to be changed."""
        return (
            self._river,
            self.inputs.scaler,
            self.lessons,
            self._labels,
            self._doubled,
            self._calibration.state,
        )

    @classmethod
    def resumed(cls, spec: Spec, state: tuple[Any, ...]) -> Self:
        """An estimator that goes on where another of this spec stood, of which this was the state."""
        found = cls(spec)
        found._river, found.inputs.scaler, found.lessons, *rest, calibration = state
        found._labels, found._doubled = rest
        found._calibration = Calibration(calibration)
        found.sum = additive(found._river)
        return found


def _takes_fractions(river: base.Classifier) -> bool:
    """Whether a reward itself can be taught; if so, by a loss that knows how to correct it."""
    if type(river) is linear_model.LogisticRegression and type(river.loss) is optim.losses.Log:
        river.loss = LessonLoss()
        return True
    return False


def _luck(example: TrainingExample) -> float:
    """A number in [0, 1) that is the same for all lessons of one offer."""
    offer = f"{example.decision_id}\n{example.action_id}".encode()
    return int.from_bytes(blake2b(offer, digest_size=7).digest()) / (1 << 56)
