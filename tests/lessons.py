"""Lessons, schemas and customers for the tests of learning and scoring."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learn import Learner
from engine.model import UNKNOWN, ActionId, DecisionId, TrainingExample, Value
from engine.rulebook.book import (
    Action,
    ActionClass,
    Arbitration,
    Attribute,
    Exploration,
    Kind,
    Number,
    RuleBook,
    Type,
)
from engine.rulebook.model_spec import ModelSpec

PLANS = ("S", "M", "L")

SCHEMA = FeatureSchema(
    (
        Feature("customer.age", FeatureKind.NUMBER),
        Feature("customer.vip", FeatureKind.FLAG),
        Feature("telco.plan", FeatureKind.CATEGORY, PLANS),
        Feature("telco.spend", FeatureKind.NUMBER),
        Feature("request.reason", FeatureKind.CATEGORY),
        Feature("consent.channels", FeatureKind.SET, ("web", "ivr")),
    )
)

GROUPS = {"bundle": "data", "roaming": "data", "stay": "save", "waiver": "save"}


def raw_features(chance: random.Random) -> tuple[Any, ...]:
    """What SCHEMA's features may be, each missing now and then."""
    values = (
        chance.randrange(18, 90),
        chance.random() < 0.2,
        chance.choice(PLANS),
        chance.lognormvariate(3, 1),
        chance.choice(["fee", "move", "cancel", "other"]),
        chance.choice([["web"], ["web", "ivr"], []]),
    )
    return tuple(None if chance.random() < 0.1 else value for value in values)


def lesson(
    features: tuple[Any, ...] = (30, True, "S", 10.0, "fee", ["web"]),
    reward: float = 1.0,
    *,
    action: str = "bundle",
    group: str = "data",
    channel: str = "web",
    taught: float | None = None,
    schema: FeatureSchema = SCHEMA,
) -> TrainingExample:
    """A lesson; what a test does not name does not matter to it."""
    return TrainingExample(
        DecisionId("d"), ActionId(action), group, channel, schema.digest, features, reward, taught
    )


def lessons(count: int, seed: int = 7) -> Iterator[TrainingExample]:
    """A stream in which young people on plan S like bundles and nobody likes waivers on the phone."""
    chance = random.Random(seed)
    for _ in range(count):
        features = raw_features(chance)
        action, channel = chance.choice(list(GROUPS)), chance.choice(["web", "ivr"])
        likes = 0.05
        if action == "bundle" and features[2] == "S":
            likes = 0.7
        if action == "stay" and features[1]:
            likes = 0.5
        correction = chance.random() < 0.1
        reward = float(chance.random() < likes)
        yield lesson(
            features,
            1.0 if correction else reward,
            action=action,
            group=GROUPS[action],
            channel=channel,
            taught=0.2 if correction else None,
        )


def taught_learner(count: int = 300, seed: int = 7, learner: Learner | None = None) -> Learner:
    """A learner that has learned `count` lessons; a new one if none is given."""
    learner = Learner() if learner is None else learner
    learner.register(SCHEMA)
    for example in lessons(count, seed):
        learner.learn_one(example)
    return learner


_TYPES = {
    "customer.age": Type(Kind.INT),
    "customer.vip": Type(Kind.BOOL),
    "telco.plan": Type(Kind.STRING),
    "telco.spend": Type(Kind.DOUBLE),
    "request.reason": Type(Kind.STRING),
    "consent.channels": Type(Kind.LIST, Type(Kind.STRING)),
    "telco.contract_end": Type(Kind.TIMESTAMP),
    "telco.call_length": Type(Kind.DURATION),
    "now": Type(Kind.TIMESTAMP),
}
_VALUES = {"telco.plan": PLANS, "consent.channels": ("web", "ivr")}


def rule_book(
    *patterns: str,
    actions: Mapping[str, str] = GROUPS,
    channels: Sequence[str] = ("web", "ivr"),
    more: Sequence[Attribute] = (),
) -> RuleBook:
    """A book as scoring sees it: attributes, feature patterns, action → group, and channels."""
    attributes = [
        Attribute(at, name, type_, _VALUES.get(name, ()))
        for at, (name, type_) in enumerate(_TYPES.items())
    ]
    attributes += more
    return RuleBook(
        version="v",
        attributes=tuple(attributes),
        index={attribute.name: attribute.index for attribute in attributes},
        conditions=(),
        actions=tuple(_action(at, name, group) for at, (name, group) in enumerate(actions.items())),
        treatments=(),
        placements={},
        channels=tuple(channels),
        issues=(),
        groups=dict.fromkeys(actions.values(), ""),
        arbitration=Arbitration(frozenset("PCVL"), (), (), Exploration(), ("id",)),
        outcomes={},
        model=ModelSpec(
            "hierarchical_logistic", patterns or tuple(f.name for f in SCHEMA.features), 0
        ),
        notices=(),
        source="",
        conditions_of=lambda values: (),
        select_for={},
        numbers_of=lambda values: (),
    )


def values_of(book: RuleBook, **named: Value) -> list[Value]:
    """The book's values: those named (`telco__plan` for `telco.plan`), all others unknown."""
    known = {name.replace("__", "."): value for name, value in named.items()}
    return [known.get(attribute.name, UNKNOWN) for attribute in book.attributes]


def _action(index: int, name: str, group: str) -> Action:
    return Action(
        index=index,
        action_id=ActionId(name),
        title=name,
        issue="",
        group=group,
        action_class=ActionClass.PROMOTIONAL,
        valid=(None, None),
        conditions=(),
        opt_out=(),
        contact_policies=(),
        value=Number(1.0),
        lever=1.0,
        attributes={},
        treatments=(),
        file="",
        line=1,
    )
