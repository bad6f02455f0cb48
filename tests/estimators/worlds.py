"""Offers in a world whose truth is known, for the tests of estimators."""

import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from engine.estimators.catalogue import estimators, parameters_of
from engine.estimators.estimator import Estimator
from engine.estimators.spec import Spec
from engine.features import Feature, FeatureKind
from engine.model import ActionId, DecisionId, TrainingExample

FEATURES = (
    Feature("customer.age", FeatureKind.NUMBER),
    Feature("customer.vip", FeatureKind.FLAG),
    Feature("telco.plan", FeatureKind.CATEGORY, ("S", "M", "L")),
    Feature("request.reason", FeatureKind.CATEGORY),
    Feature("consent.channels", FeatureKind.SET, ("web", "ivr")),
    Feature("telco.spend", FeatureKind.NUMBER),
)
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "bundle": {"family": "data"},
    "roaming": {"family": "data"},
    "stay": {"family": "save"},
}


class Shown(NamedTuple):
    """One offer and what became of it."""

    raw: tuple[Any, ...]
    action: str
    channel: str
    reward: float
    decision: str

    def lesson(self, reward: float | None = None, taught: float | None = None) -> TrainingExample:
        """It as a lesson; `reward` may differ from what it came to in the end."""
        return TrainingExample(
            DecisionId(self.decision),
            ActionId(self.action),
            "group",
            self.channel,
            "schema",
            self.raw,
            self.reward if reward is None else reward,
            taught,
        )


def customer(chance: random.Random) -> tuple[Any, ...]:
    """Raw values of FEATURES, now and then missing, of wild scale, or never declared."""
    raw = (
        chance.randrange(18, 90),
        chance.random() < 0.4,
        chance.choice(["S", "M", "L", "XXL"]),
        chance.choice(["fee", "move", "cancel", "something else"]),
        chance.choice([["web"], ["web", "ivr"], [], ["pigeon"]]),
        chance.lognormvariate(3, 5),
    )
    return tuple(None if chance.random() < 0.1 else value for value in raw)


def shown(count: int, seed: int = 3) -> Iterator[Shown]:
    """Offers of which important customers take most, and the young rather than the old."""
    chance = random.Random(seed)
    for number in range(count):
        raw = customer(chance)
        likes = 0.1 + 0.4 * bool(raw[1]) + 0.2 * ((raw[0] or 50) < 40)
        action, channel = chance.choice(list(ACTIONS)), chance.choice(["web", "ivr"])
        likes += 0.15 * (action == "stay")
        yield Shown(raw, action, channel, float(chance.random() < likes), f"d{number}")


def spec(name: str) -> Spec:
    """A spec of this estimator that sees all there is; an ensemble is made of small trees."""
    known = parameters_of(estimators().classes[name])
    small = {"n_models": 3, "n_estimators": 3, "grace_period": 50, "delta": 0.01}
    parameters: dict[str, Any] = {key: size for key, size in small.items() if key in known}
    if "model" in known:
        parameters["model"] = {"tree.HoeffdingTreeClassifier": {"grace_period": 50, "delta": 0.01}}
    return Spec("model", name, parameters, FEATURES, ("family",))


def taught(name: str, count: int = 200, seed: int = 3) -> Estimator:
    """An estimator that has learned from so many offers."""
    estimator = Estimator(spec(name))
    for one in shown(count, seed):
        estimator.learn_one(one.lesson(), one.raw, ACTIONS[one.action])
    return estimator
