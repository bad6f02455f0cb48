"""Know the customer: profile, context and clock become the values the rules and the model see."""

from collections.abc import Mapping
from typing import Final

from engine.model import UNKNOWN, Customer, Micros, Question, Value
from engine.native import native
from engine.rulebook.book import Attribute, Kind, RuleBook, Type
from engine.windows import Windows

_PYTHON: Final[Mapping[Kind, frozenset[type]]] = {
    Kind.BOOL: frozenset({bool}),
    Kind.INT: frozenset({int}),
    Kind.DOUBLE: frozenset({float}),
    Kind.STRING: frozenset({str}),
    Kind.TIMESTAMP: frozenset({int}),
    Kind.DURATION: frozenset({int}),
    Kind.LIST: frozenset({list, tuple}),
    Kind.MAP: frozenset({dict}),
}


class Knowledge:
    """Reads what a book declares out of what is known of a customer.

    What is missing takes the attribute's default, else null where it is nullable, else `UNKNOWN`.
    A profile value older than the attribute's `max_age` counts as missing. The request's context
    wins over the profile; `request.channel`, `request.placement` and `now` are the engine's own.
    What is kept from events (see `engine.windows`) is never read from the profile; the interaction
    that comes with the question counts as if it had just happened.

    Profiles outlive rule books. A value that was stored when the attribute had another type counts
    as missing, so that no condition meets a value it was not compiled for; so does what a question
    says of an attribute that the book taking over meanwhile does not declare.
    """

    __slots__ = (
        "_absent", "_ages", "_channel", "_containers", "_index", "_kinds", "_names", "_now",
        "_placement", "_types", "_windows",
    )  # fmt: skip

    def __init__(self, book: RuleBook) -> None:
        self._names = tuple("" if a.source else a.name for a in book.attributes)
        self._absent = tuple(absent(attribute) for attribute in book.attributes)
        self._index = book.index
        self._ages = tuple(
            (attribute.index, attribute.name, attribute.max_age)
            for attribute in book.attributes
            if attribute.max_age is not None
        )
        self._types = tuple(attribute.type for attribute in book.attributes)
        self._kinds = tuple(_taken(attribute) for attribute in book.attributes)
        self._containers = tuple((a.index, a.type) for a in book.attributes if a.type.element)
        self._channel = book.index.get("request.channel")
        self._placement = book.index.get("request.placement")
        self._now = book.index.get("now")
        kept_from_events = any(attribute.source for attribute in book.attributes)
        self._windows = Windows(book.attributes) if kept_from_events else None

    def values(self, customer: Customer, question: Question, now: Micros) -> list[Value]:
        """One value for each attribute, in the book's order."""
        values = native.lookup(customer.attributes, self._names, self._absent)
        for index, name, max_age in self._ages:
            if now - customer.as_of.get(name, customer.updated_at) > max_age:
                values[index] = self._absent[index]
        if self._windows is not None:
            self._windows.fill(values, customer, now, question.interaction)
        for name, value in question.context.items():
            at = self._index.get(name)
            if at is not None:
                values[at] = self._absent[at] if value is None else value
        if self._channel is not None:
            values[self._channel] = question.channel
        if self._placement is not None:
            values[self._placement] = question.placements[0]
        if self._now is not None:
            values[self._now] = now
        if not native.fits(values, self._kinds):
            self._refit(values)
        for index, type_ in self._containers:
            if not _holds(values[index], type_):
                values[index] = self._absent[index]
        return values

    def _refit(self, values: list[Value]) -> None:
        """Puts right, in place, whatever is not of its attribute's type."""
        for index, kinds in enumerate(self._kinds):
            value = values[index]
            if type(value) in kinds:
                continue
            if type(value) is int and self._types[index].kind is Kind.DOUBLE:
                values[index] = float(value)
            else:
                values[index] = self._absent[index]

    def at(self, values: list[Value], placement: str) -> list[Value]:
        """The same values as seen from another placement of the request."""
        moved = values.copy()
        if self._placement is not None:
            moved[self._placement] = placement
        return moved


def absent(attribute: Attribute) -> Value:
    """What stands for an attribute nobody has given: its default, null, or UNKNOWN."""
    if attribute.default is not None:
        return attribute.default
    return None if attribute.nullable else UNKNOWN


def _taken(attribute: Attribute) -> frozenset[type]:
    """The Python types a value of the attribute may have."""
    return _PYTHON[attribute.type.kind] | {type(absent(attribute))}


def _holds(value: Value, type_: Type) -> bool:
    """Whether what a list or map holds is of the declared type.

    Each was checked whole when it was stored, by one type: so the first element speaks for all.
    """
    if not isinstance(value, list | tuple | dict) or not value:
        return True
    first, element = next(iter(value.values() if isinstance(value, dict) else value)), type_.element
    return element is None or (type(first) in _PYTHON[element.kind] and _holds(first, element))
