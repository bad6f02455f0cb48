"""What servers tell each other of their answers, through Redis: replies by request id, tokens by decision."""

import asyncio
from typing import Any, Final

from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection, checked
from engine.edges.redis.keys import decision_key, request_key
from engine.errors import StorageError
from engine.model import DAY, CustomerId, Decision, DecisionId, Micros
from engine.running.repeats import conflict

CLAIMED: Final = 2_000
"""Milliseconds after which a server that claimed a request and says nothing is taken for gone."""

LOOK_AGAIN: Final = 0.005
"""Seconds between two looks at whether the server that claimed a request has answered it."""

_FINGERPRINT: Final = 16
_MILLISECOND: Final = 1_000


class RedisAnswers:
    """It is an `engine.elsewhere.Elsewhere`; replies are kept for `ttl` microseconds, decisions for `by_id` at most.

    Of a request there is first a claim (the question's fingerprint alone), then the reply behind it. The
    claim is set only if nothing is there, and what is there comes back in the same step: so of two servers
    that are asked at once one decides. It is sent with the read of the customer, and costs no wait.
    """

    def __init__(
        self, connection: Connection, aside: Aside, ttl: Micros, by_id: Micros = 7 * DAY
    ) -> None:
        self._connection = connection
        self._aside = aside
        self._ttl = ttl // _MILLISECOND
        self._by_id = by_id

    def claim(
        self, request_id: str, asked: bytes, patience: float
    ) -> "asyncio.Future[bytes | None]":
        """See `Elsewhere`."""
        sent = self._connection.call(
            "SET", request_key(request_id), asked, "NX", "GET", "PX", CLAIMED
        )
        return asyncio.ensure_future(self._claimed(sent, request_id, asked, patience))

    async def _claimed(
        self, sent: "asyncio.Future[Any]", request_id: str, asked: bytes, patience: float
    ) -> bytes | None:
        try:
            async with asyncio.timeout(patience):
                found: bytes | None = checked(await sent)
                while found is not None:
                    if found[:_FINGERPRINT] != asked:
                        raise conflict(request_id)
                    if len(found) > _FINGERPRINT:
                        return found[_FINGERPRINT:]
                    await asyncio.sleep(LOOK_AGAIN)
                    found = await self._connection.ask("GET", request_key(request_id))
        except (StorageError, TimeoutError):
            return None
        return None

    def answered(self, request_id: str, asked: bytes, reply: bytes) -> None:
        """See `Elsewhere`."""
        self._aside.write("SET", request_key(request_id), asked + reply, "PX", self._ttl)

    def failed(self, request_id: str) -> None:
        """See `Elsewhere`."""
        self._aside.write("DEL", request_key(request_id))

    def decided(self, decision: Decision, token: bytes, keep: Micros) -> None:
        """See `Elsewhere`."""
        kept = min(keep, self._by_id) // _MILLISECOND
        if kept > 0:
            key = decision_key(decision.customer_id, decision.decision_id)
            self._aside.write("SET", key, token, "PX", kept)

    async def token(self, customer_id: CustomerId, decision_id: DecisionId) -> bytes | None:
        """See `Elsewhere`."""
        found: bytes | None = await self._connection.ask(
            "GET", decision_key(customer_id, decision_id)
        )
        return found
