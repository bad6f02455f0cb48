"""Since when the accounts in Redis have been kept without a loss; caps are closed for a while after one.

What a Redis that comes back with less than it had has lost is not known: offers that may yet be shown, and
what was shown. So nothing is given out of a cap until no offer of it made before can be shown any more, and
until workers have counted again what was shown, from the log. While an installation moves here nothing is.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from engine.edges.redis.caps_scripts import CLOSE, LOOK, MOVE, NOTE
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import CAPS_RUN, recount_key
from engine.errors import DamagedData, StorageError
from engine.model import Micros

TAKEN: Final = 30_000
"""How many ms a worker that counts a partition may be silent."""

_UP_FOR: Final = re.compile(rb"^uptime_in_seconds:(\d+)", re.MULTILINE)
_DONE: Final = "done:"
_MILLISECOND: Final = 1_000


class Ran(NamedTuple):
    """How it stands.

    Attributes:
        run: another after every loss.
        closed_for: microseconds for which something is closed; 0 once everything is open again.
        is_counted: whether what was shown before the last loss is counted again.
    """

    run: str
    closed_for: Micros
    is_counted: bool


class CapsRun:
    """What the servers agree on. All methods raise StorageError where there is no answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def look(self) -> Ran | None:
        """How it stands; None if Redis knows of no accounts."""
        told = await LOOK.run(self._connection, [CAPS_RUN], 0, "", "", 0, 0)
        return _ran(told) if told else None

    async def begin(self, run: str, closed_for: Micros) -> Ran:
        """Begins, unless another server has: behind a loss closed for so long, or at once if it is 0."""
        words = (0, "", run, closed_for // _MILLISECOND, int(not closed_for))
        return _ran(await LOOK.run(self._connection, [CAPS_RUN], *words))

    async def lost(self, known: str, run: str, closed_for: Micros) -> Ran:
        """Notes a loss in a run, unless another server has; how it stands then."""
        words = (0, known, run, closed_for // _MILLISECOND, 0)
        return _ran(await LOOK.run(self._connection, [CAPS_RUN], *words))

    async def close(self, run: str, closed_for: Mapping[str, Micros]) -> dict[str, Micros]:
        """By `Cap.key` for how long it is still closed behind the loss that a run began with.

        That is as long after the loss as is asked for here, or by another server if that is longer. Caps
        are not there if the run is over or does not tell: they are closed as long as any.
        """
        words: list[str | int] = [0, run]
        for cap, wanted in closed_for.items():
            words += [cap, wanted // _MILLISECOND]
        left = await CLOSE.run(self._connection, [CAPS_RUN], *words)
        return {cap: int(ms) * _MILLISECOND for cap, ms in zip(closed_for, left, strict=False)}

    async def begin_move(self, run: str) -> None:
        """Closes all caps, however they stand, until `forget` is called: a log is on its way here."""
        await MOVE.run(self._connection, [CAPS_RUN], 0, run)

    async def is_moving(self) -> bool:
        """Whether a log is on its way here, or was when its move was broken off."""
        return bool(await self._connection.ask("HEXISTS", CAPS_RUN, "moving"))

    async def forget(self) -> None:
        """Lets go of how accounts stand: servers take it for a loss, and have all of the log counted."""
        await self._connection.ask("DEL", CAPS_RUN)

    async def up_for(self) -> int:
        """Seconds since Redis was started, rounded down."""
        told: bytes = await self._connection.ask("INFO", "server")
        found = _UP_FOR.search(told)
        if found is None:
            raise StorageError("Redis does not tell since when it is up")
        return int(found[1])

    async def ends(self) -> dict[int, int] | None:
        """By partition, up to where the log is to be counted again; None if that was not noted."""
        kept = await self._connection.ask("HGET", CAPS_RUN, "ends")
        try:
            if kept is None:
                return None
            return {int(partition): int(end) for partition, end in orjson.loads(kept).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise DamagedData("how far caps are to be counted again is damaged in Redis") from error

    async def note_ends(self, ends: dict[int, int]) -> None:
        """Notes up to where the log is to be counted again, unless that is noted."""
        text = orjson.dumps({str(partition): end for partition, end in ends.items()})
        await self._connection.ask("HSETNX", CAPS_RUN, "ends", text)

    async def take(self, partition: int) -> bool:
        """Whether a partition is now this caller's to count, for `TAKEN` ms from the last time it said so."""
        key = recount_key(partition)
        return await self._connection.ask("SET", key, 1, "NX", "PX", TAKEN) is not None

    async def keep_taken(self, partition: int) -> None:
        """Says that a partition is still being counted."""
        await self._connection.ask("PEXPIRE", recount_key(partition), TAKEN)

    async def note_done(self, run: str, partition: int) -> None:
        """Notes that a partition is counted, unless there was another loss since."""
        await NOTE.run(self._connection, [CAPS_RUN], run, f"{_DONE}{partition}")
        await self._connection.ask("DEL", recount_key(partition))

    async def done(self) -> set[int]:
        """The partitions that are counted."""
        fields: list[bytes] = await self._connection.ask("HKEYS", CAPS_RUN)
        names = [field.decode() for field in fields]
        return {int(name.removeprefix(_DONE)) for name in names if name.startswith(_DONE)}

    async def note_counted(self) -> None:
        """Notes that what was shown is counted again."""
        await self._connection.ask("HSET", CAPS_RUN, "counted", 1)


def _ran(told: list[bytes | int]) -> Ran:
    run, closed, counted = told
    if not isinstance(run, bytes):
        raise DamagedData("since when caps are kept is damaged in Redis")
    return Ran(run.decode(), int(closed) * _MILLISECOND, bool(counted))
