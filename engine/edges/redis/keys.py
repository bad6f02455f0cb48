"""The keys of Redis.

What belongs to one customer has their id as its hash tag, so that a Redis Cluster keeps it on one node
and a script may change all of it in one step.
"""

from typing import Final

from engine.model import CustomerId

PREFIX: Final = "attune"

_BRACES: Final = str.maketrans({"{": "%7B", "}": "%7D", "%": "%25"})


def customer_key(customer_id: CustomerId) -> str:
    """Where everything a decision needs to know of a customer lies.

    >>> customer_key(CustomerId("ada"))
    'attune:c:{ada}'

    A brace in an id would end the hash tag too early, and an empty tag is none.

    >>> customer_key(CustomerId("a}da")), customer_key(CustomerId(""))
    ('attune:c:{a%7Dda}', 'attune:c:{%}')
    """
    return f"{PREFIX}:c:{{{_tag(customer_id)}}}"


def events_key(customer_id: CustomerId) -> str:
    """Where the ids of a customer's events lie, by their time.

    >>> events_key(CustomerId("ada"))
    'attune:e:{ada}'
    """
    return f"{PREFIX}:e:{{{_tag(customer_id)}}}"


def mark_key(topic: str, partition: int) -> str:
    """Where it is noted how far a partition of the log has been applied.

    >>> mark_key("attune.events", 3)
    'attune:p:attune.events/3'
    """
    return f"{PREFIX}:p:{topic}/{partition}"


def token_key() -> str:
    """Where the keys lie that seal tokens.

    >>> token_key()
    'attune:k:token'
    """
    return f"{PREFIX}:k:token"


def _tag(customer_id: CustomerId) -> str:
    return customer_id.translate(_BRACES) or "%"
