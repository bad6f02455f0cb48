"""Spec: what makes an estimator the one it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import orjson

from engine.estimators.catalogue import SUMS, innermost
from engine.features import Feature, FeatureSchema


@dataclass(frozen=True)
class Spec:
    """What makes an estimator the one it is: two of equal `key` learn the same from the same lessons.

    Attributes:
        name: what the rule book calls the model.
        estimator: its name among `engine.estimators.catalogue.estimators`.
        parameters: of its constructor, as plain JSON.
        features: what it sees of a customer.
        attributes: what it sees of actions besides their names: names of their attributes.
    """

    name: str
    estimator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[Feature, ...] = ()
    attributes: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """16 hex digits; what values a category may have does not count."""
        seen = [(feature.name, feature.kind) for feature in self.features]
        content = [self.name, self.estimator, self.parameters, seen, self.attributes]
        return blake2b(
            orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=8
        ).hexdigest()

    @property
    def innermost(self) -> str:
        """The estimator that learns in the end: that of an ensemble is the one it is made of."""
        return innermost(self.estimator, self.parameters)

    @property
    def is_sum(self) -> bool:
        """Whether what it learns is a sum over features (`engine.estimators.additive`)."""
        return self.estimator in SUMS

    def to_dict(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "name": self.name,
            "estimator": self.estimator,
            "parameters": dict(self.parameters),
            "attributes": list(self.attributes),
            **FeatureSchema(self.features).to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The spec that `to_dict` wrote."""
        return cls(
            content["name"],
            content["estimator"],
            content["parameters"],
            FeatureSchema.from_dict(content).features,
            tuple(content["attributes"]),
        )
