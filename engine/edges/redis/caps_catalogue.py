"""Which caps an action is under, in Redis: servers write it from their book, workers count by it."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from engine.caps.catalogue import Taken
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import caps_of_key
from engine.model import DAY, ActionId, Micros, PlacementId
from engine.rulebook.cap import Period

log = logging.getLogger(__name__)

VALID: Final = 10 * DAY
"""How long what a server has written is counted by: longer than an event may come late."""

_MILLISECOND: Final = 1_000


class CapsCatalogue:
    """What the books of all servers say, cap by cap, so that servers may have different books for a while."""

    def __init__(self, connection: Connection, clock: Callable[[], Micros]) -> None:
        self._connection = connection
        self._clock = clock

    async def write(self, taken: Mapping[ActionId, Iterable[Taken]]) -> None:
        """Says what a book says, again and again while it is in force.

        Raises:
            StorageError: there is no answer; some of it may be written.
        """
        call, now = self._connection.call, self._clock()
        sent = []
        for action_id, caps in taken.items():
            key = caps_of_key(action_id)
            words: list[bytes | str] = []
            for one in caps:
                words += [one.cap, orjson.dumps([one.period, one.timezone, one.units, now])]
            sent += [
                call("HSET", key, *words),
                call("PEXPIRE", key, 2 * VALID // _MILLISECOND),
            ]
        for reply in await asyncio.gather(*sent):
            checked(reply)

    async def read(self, actions: Iterable[ActionId]) -> Mapping[ActionId, list[Taken]]:
        """What offers of these actions take of which caps.

        What makes no sense is passed over, until a server writes it again.

        Raises:
            StorageError: there is no answer.
        """
        wanted = list(actions)
        sent = [self._connection.call("HGETALL", caps_of_key(action)) for action in wanted]
        since = self._clock() - VALID
        return {
            action: _read(action, checked(reply), since)
            for action, reply in zip(wanted, await asyncio.gather(*sent), strict=True)
        }


def _read(action_id: ActionId, fields: list[bytes], since: Micros) -> list[Taken]:
    taken = []
    for cap, line in zip(fields[::2], fields[1::2], strict=True):
        try:
            period, timezone, units, at = orjson.loads(line)
            if at >= since:
                taken.append(_taken(cap.decode(), period, timezone, units))
        except (ValueError, TypeError, AttributeError):
            log.exception("what %s takes of %r is damaged in Redis", action_id, cap)
    return taken


def _taken(cap: str, period: str, timezone: str, units: dict[str, Any]) -> Taken:
    by_placement = {PlacementId(placement): int(number) for placement, number in units.items()}
    return Taken(cap, Period(period), timezone, by_placement)
