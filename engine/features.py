"""Features: what the model sees of a customer at a decision, read in one go and kept with the offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Self

import orjson

from engine.history import LAST_CHANNEL, LAST_OUTCOME, Reading, asked_for, sources
from engine.model import DAY, UNKNOWN, Customer, Micros, Value
from engine.native import native
from engine.rulebook.book import Attribute, Kind, RuleBook


class FeatureKind(StrEnum):
    """How a feature's raw value is to be understood."""

    FLAG = "flag"
    NUMBER = "number"
    CATEGORY = "category"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing the model sees. `values` are the declared values of a category or set, () if open."""

    name: str
    kind: FeatureKind
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureSchema:
    """The features of one rule book, in order.

    Raw feature values are plain JSON: flags are bool, numbers int or float (moments are days before
    the decision, negative if they are still to come; lengths of time are days), categories str, sets
    lists of str, and None is missing (as are NaN and infinity, which JSON makes None). They travel in the sealed token and the journal together with
    `digest`, so a lesson can be understood long after the book has changed.

    >>> schema = FeatureSchema((Feature("customer.age", FeatureKind.NUMBER),))
    >>> FeatureSchema.from_dict(schema.to_dict()) == schema
    True
    """

    features: tuple[Feature, ...]
    attributes: tuple[Attribute, ...] = field(default=(), compare=False, repr=False)
    """The attributes the first features are read from; () for a schema that comes from the journal."""
    history: Reading = field(default=Reading((), {}), compare=False, repr=False)
    """What reads the rest."""

    @classmethod
    def for_book(cls, book: RuleBook, *more: str) -> Self:
        """The features that the patterns of `book.model.features`, or `more` patterns, select.

        Left out even where a pattern matches: attributes that nothing may be decided by
        (`Attribute.protected`), `now`, maps, lists of anything but strings, and open strings that
        tell one person from all others (named `id`, or of personal sensitivity): a model can only
        learn from what it sees again in somebody else.
        """
        patterns = (*book.model.features, *more)
        known = sources(book.channels, tuple(book.groups))
        declared = (a for a in book.attributes if a.name not in known and _usable(a))
        seen = tuple(a for a in declared if _wanted(a.name, patterns))
        features = [Feature(a.name, _KINDS[a.type.kind], a.values) for a in seen]
        asked = asked_for(known, patterns)
        features += [Feature(name, *_of_history(name, book)) for name in asked]
        group_of = {str(action.action_id): action.group for action in book.actions}
        return cls(tuple(features), seen, Reading([known[name] for name in asked], group_of))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name this schema: equal for equal features in equal order."""
        content = orjson.dumps(self.to_dict())
        return blake2b(content, digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The features as JSON: a list of [name, kind, declared values]."""
        return {"features": [[f.name, str(f.kind), list(f.values)] for f in self.features]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The schema that `to_dict` wrote. It encodes and learns, but reads no customer."""
        return cls(
            tuple(
                Feature(name, FeatureKind(kind), tuple(values))
                for name, kind, values in content["features"]
            )
        )

    def read(
        self, values: Sequence[Value], customer: Customer, now: Micros
    ) -> tuple[bool | int | float | str | list[str] | None, ...]:
        """The raw feature values at `now`, in the order of `names`, ready for JSON.

        `values` are those the rules see, in the order of the book this schema was made for.
        """
        raw = native.known(values, self._places, UNKNOWN)
        for at, is_moment in self._times:
            time = raw[at]
            if time is not None:
                raw[at] = round((now - time if is_moment else time) / DAY, 3)
        for at in self._sets:
            if raw[at] is not None:
                raw[at] = list(raw[at])
        raw += self.history.read(customer, now)
        return tuple(raw)

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return tuple(attribute.index for attribute in self.attributes)

    @cached_property
    def _times(self) -> tuple[tuple[int, bool], ...]:
        """Where moments and lengths of time stand, and which of the two."""
        return tuple(
            (at, attribute.type.kind is Kind.TIMESTAMP)
            for at, attribute in enumerate(self.attributes)
            if attribute.type.kind in (Kind.TIMESTAMP, Kind.DURATION)
        )

    @cached_property
    def _sets(self) -> tuple[int, ...]:
        return tuple(i for i, a in enumerate(self.attributes) if a.type.kind is Kind.LIST)


_KINDS: Final = {
    Kind.BOOL: FeatureKind.FLAG,
    Kind.INT: FeatureKind.NUMBER,
    Kind.DOUBLE: FeatureKind.NUMBER,
    Kind.TIMESTAMP: FeatureKind.NUMBER,
    Kind.DURATION: FeatureKind.NUMBER,
    Kind.STRING: FeatureKind.CATEGORY,
    Kind.LIST: FeatureKind.SET,
}


def _of_history(name: str, book: RuleBook) -> tuple[FeatureKind, tuple[str, ...]]:
    if name == LAST_OUTCOME:
        return FeatureKind.CATEGORY, tuple(book.outcomes)
    if name == LAST_CHANNEL:
        return FeatureKind.CATEGORY, tuple(book.channels)
    return FeatureKind.NUMBER, ()


def _wanted(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _usable(attribute: Attribute) -> bool:
    kind, element = attribute.type.kind, attribute.type.element
    if attribute.protected or attribute.name == "now" or kind is Kind.MAP:
        return False
    if kind is Kind.LIST:
        return element is not None and element.kind is Kind.STRING
    is_open = kind is Kind.STRING and not attribute.values
    return not (is_open and _tells_people_apart(attribute))


def _tells_people_apart(attribute: Attribute) -> bool:
    last = attribute.name.rpartition(".")[2]
    return last == "id" or last.endswith("_id") or attribute.sensitivity == "personal"
