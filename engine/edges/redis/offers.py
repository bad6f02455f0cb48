"""What was just offered to a customer, by any server: a short list beside their record."""

from typing import Any, Final

import orjson

from engine.contact.pending import Returned
from engine.contact.shared import MANY
from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import offers_key
from engine.edges.redis.wire import Told
from engine.errors import DamagedData
from engine.model import CustomerId, Micros

KEPT: Final = MANY
"""Decisions in a list, the newest ones."""

_MILLISECOND: Final = 1_000


class RecentOffers:
    """The lists; one for each customer and one for each household."""

    def __init__(self, connection: Connection, aside: Aside) -> None:
        self._connection = connection
        self._aside = aside

    def note(self, returned: Returned, keep: Micros) -> None:
        """Has all servers know what a decision offered, for so long; returns at once."""
        entry = encode_returned(returned)
        subjects = [returned.customer_id]
        if returned.household is not None:
            subjects.append(returned.household)
        for subject in subjects:
            key = offers_key(subject)
            self._aside.write("RPUSH", key, entry)
            self._aside.write("LTRIM", key, -KEPT, -1)
            self._aside.write("PEXPIRE", key, keep // _MILLISECOND)

    def ask(self, subject: CustomerId, told: Told) -> None:
        """Asks for a list; `told` the reply, which `read_list` reads."""
        self._connection.send(("LRANGE", offers_key(subject), 0, -1), told)


def read_list(reply: Any) -> list[Returned]:
    """What was offered, as it was noted: about the oldest first.

    Raises:
        StorageError: Redis cannot be reached.
        DamagedData: the list makes no sense.
    """
    return [decode_returned(entry) for entry in checked(reply)]


def encode_returned(returned: Returned) -> bytes:
    """An entry of a list: what one decision offered."""
    return orjson.dumps(tuple(returned))


def decode_returned(entry: bytes) -> Returned:
    """What `encode_returned` wrote.

    Raises:
        DamagedData: these bytes are none.
    """
    try:
        return Returned.of(orjson.loads(entry))
    except (ValueError, TypeError) as error:
        raise DamagedData(f"a note of what was offered is damaged: {error}") from error
