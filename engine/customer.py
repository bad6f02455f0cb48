"""Know the customer: profile, context and clock become the values the rules and the model see."""

from engine.model import UNKNOWN, Customer, Micros, Question, Value
from engine.rulebook.book import Attribute, RuleBook


class Knowledge:
    """Reads what a book declares out of what is known of a customer.

    What is missing takes the attribute's default, else null where it is nullable, else `UNKNOWN`.
    A profile value older than the attribute's `max_age` counts as missing. The request's context
    wins over the profile; `request.channel`, `request.placement` and `now` are the engine's own.
    """

    __slots__ = ("_absent", "_ages", "_channel", "_index", "_names", "_now", "_placement")

    def __init__(self, book: RuleBook) -> None:
        self._names = tuple(attribute.name for attribute in book.attributes)
        self._absent = tuple(absent(attribute) for attribute in book.attributes)
        self._index = book.index
        self._ages = tuple(
            (attribute.index, attribute.name, attribute.max_age)
            for attribute in book.attributes
            if attribute.max_age is not None
        )
        self._channel = book.index.get("request.channel")
        self._placement = book.index.get("request.placement")
        self._now = book.index.get("now")

    def values(self, customer: Customer, question: Question, now: Micros) -> list[Value]:
        """One value for each attribute, in the book's order."""
        values = list(map(customer.attributes.get, self._names, self._absent))
        for index, name, max_age in self._ages:
            if now - customer.as_of.get(name, customer.updated_at) > max_age:
                values[index] = self._absent[index]
        for name, value in question.context.items():
            index = self._index[name]
            values[index] = self._absent[index] if value is None else value
        if self._channel is not None:
            values[self._channel] = question.channel
        if self._placement is not None:
            values[self._placement] = question.placements[0]
        if self._now is not None:
            values[self._now] = now
        return values

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
