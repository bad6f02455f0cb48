"""Households: remembered like customers of their own, so that one of them counts for all."""

from dataclasses import replace
from typing import Final

from engine.model import UNKNOWN, Customer, CustomerId, Event, EventId, Response, Unknown
from engine.rulebook.book import RuleBook

ATTRIBUTE: Final = "household.id"

# No caller can name these: ids from outside hold no control characters.
_PREFIX: Final = "\x1fhousehold\x1f"
_SUFFIX: Final = "\x1fhousehold"


def asks_for_households(book: RuleBook) -> bool:
    """Whether a contact policy of the book counts a whole household."""
    return any(policy.household for policy in book.contact.policies)


def household_of(customer: Customer, book: RuleBook) -> CustomerId | Unknown | None:
    """Whose record stands for the customer's household: `household.id` of their profile.

    None if they belong to none, `UNKNOWN` if that cannot be told: it is missing and not nullable.
    """
    name = customer.attributes.get(ATTRIBUTE)
    if isinstance(name, str) and name:
        return CustomerId(_PREFIX + name)
    at = book.index.get(ATTRIBUTE)
    nullable = at is not None and book.attributes[at].nullable
    return None if nullable else UNKNOWN


def is_household(name: CustomerId) -> bool:
    """Whether this names a household's record, and nobody.

    >>> is_household(CustomerId("anna"))
    False
    """
    return name.startswith(_PREFIX)


def for_household(event: Event, response: Response, household: CustomerId) -> Event:
    """The same response, once more for the household's own record, where it teaches nothing."""
    exposure = replace(response.exposure, schema="", features=None)
    copy = replace(response, exposure=exposure, reward=None)
    return Event(EventId(event.event_id + _SUFFIX), household, event.time, copy)
