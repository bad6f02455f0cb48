"""The keys of Redis.

What belongs to one customer, or to one cap, has its id as its hash tag, so that a Redis Cluster keeps it on
one node and a script may change all of it in one step.
"""

from typing import Final
from urllib.parse import unquote

from engine.model import ActionId, CustomerId, DecisionId, Micros

PREFIX: Final = "attune"

INSTALLATION: Final = f"{PREFIX}:installation"
"""Where it lies whose Redis this is: the installation's name."""

CUSTOMERS: Final = f"{PREFIX}:c:"
"""How the keys of customers' records begin."""

_BRACES: Final = str.maketrans({"{": "%7B", "}": "%7D", "%": "%25"})


def customer_key(customer_id: CustomerId) -> str:
    """Where everything a decision needs to know of a customer lies.

    >>> customer_key(CustomerId("ada"))
    'attune:c:{ada}'

    A brace in an id would end the hash tag too early, and an empty tag is none.

    >>> customer_key(CustomerId("a}da")), customer_key(CustomerId(""))
    ('attune:c:{a%7Dda}', 'attune:c:{%}')
    """
    return f"{CUSTOMERS}{{{_tag(customer_id)}}}"


def customer_of(key: str) -> CustomerId:
    """Whose record lies at a key that `customer_key` made.

    >>> customer_of("attune:c:{a%7Dda}"), customer_of("attune:c:{%}")
    ('a}da', '')
    """
    tag = key.removeprefix(f"{CUSTOMERS}{{").removesuffix("}")
    return CustomerId("" if tag == "%" else unquote(tag))


def events_key(customer_id: CustomerId) -> str:
    """Where the ids of a customer's events lie, by their time.

    >>> events_key(CustomerId("ada"))
    'attune:e:{ada}'
    """
    return f"{PREFIX}:e:{{{_tag(customer_id)}}}"


def offers_key(customer_id: CustomerId) -> str:
    """Where it lies what was just offered to a customer.

    >>> offers_key(CustomerId("ada"))
    'attune:r:{ada}'
    """
    return f"{PREFIX}:r:{{{_tag(customer_id)}}}"


def scores_key(customer_id: CustomerId) -> str:
    """Where it lies what the model last said of a customer.

    >>> scores_key(CustomerId("ada"))
    'attune:s:{ada}'
    """
    return f"{PREFIX}:s:{{{_tag(customer_id)}}}"


def decision_key(customer_id: CustomerId, decision_id: DecisionId) -> str:
    """Where a decision's token lies.

    >>> decision_key(CustomerId("ada"), DecisionId("d1"))
    'attune:d:{ada}:d1'
    """
    return f"{PREFIX}:d:{{{_tag(customer_id)}}}:{decision_id}"


def request_key(request_id: str) -> str:
    """Where it lies what a request was answered with.

    >>> request_key("r1")
    'attune:q:r1'
    """
    return f"{PREFIX}:q:{request_id}"


def mark_key(topic: str, partition: int) -> str:
    """Where it is noted how far a partition of the log has been applied.

    >>> mark_key("attune.events", 3)
    'attune:p:attune.events/3'
    """
    return f"{PREFIX}:p:{topic}/{partition}"


def workers_key(group: str) -> str:
    """Where it lies who works in a group of workers.

    >>> workers_key("attune.workers")
    'attune:w:{attune.workers}'
    """
    return f"{PREFIX}:w:{{{_tag(group)}}}"


def worker_key(group: str, name: str) -> str:
    """Where a worker says which rule book it has.

    >>> worker_key("attune.workers", "host/17")
    'attune:w:{attune.workers}:host/17'
    """
    return f"{workers_key(group)}:{name}"


def round_key(topic: str, partition: int, trigger: str) -> str:
    """Where it is noted how far the round of a daily trigger has come for a partition of the log.

    >>> round_key("attune.events", 3, "birthday")
    'attune:p:attune.events/3/birthday'
    """
    return f"{mark_key(topic, partition)}/{trigger}"


def token_key() -> str:
    """Where the keys lie that seal tokens.

    >>> token_key()
    'attune:k:token'
    """
    return f"{PREFIX}:k:token"


def account_keys(cap: str, start: Micros) -> list[str]:
    """Where a cap's account for the period from `start` on lies: its figures, its offers, their units.

    >>> account_keys("bundle/offers/day", 86_400_000_000)[:2]
    ['attune:cap:{bundle/offers/day}:86400000000', 'attune:cap:{bundle/offers/day}:86400000000:offers']
    """
    key = f"{PREFIX}:cap:{{{_tag(cap)}}}:{start}"
    return [key, f"{key}:offers", f"{key}:units"]


def price_key(cap: str) -> str:
    """Where it lies what the price of a cap is.

    >>> price_key("bundle/offers/day")
    'attune:cap-price:{bundle/offers/day}'
    """
    return f"{PREFIX}:cap-price:{{{_tag(cap)}}}"


def caps_of_key(action_id: ActionId) -> str:
    """Where it lies which caps an action is under.

    >>> caps_of_key(ActionId("bundle"))
    'attune:caps-of:{bundle}'
    """
    return f"{PREFIX}:caps-of:{{{_tag(action_id)}}}"


CAPS_RUN: Final = f"{PREFIX}:caps"
"""Where it lies since when all accounts have been kept without a loss."""


def recount_key(partition: int) -> str:
    """Where a worker says that it counts a partition of the log again.

    >>> recount_key(3)
    'attune:caps:recount:3'
    """
    return f"{CAPS_RUN}:recount:{partition}"


def _tag(name: str) -> str:
    return name.translate(_BRACES) or "%"
