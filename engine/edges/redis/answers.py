"""What servers tell each other of their answers, through Redis: replies by request id, tokens by decision."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.edges.redis.aside import Aside
from engine.edges.redis.connection import Connection
from engine.edges.redis.keys import decision_key, request_key
from engine.elsewhere import Claimed
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
        self._watching: set[asyncio.Task[None]] = set()

    def claim(
        self, request_id: str, asked: bytes, patience: float, told: Callable[[Claimed], None]
    ) -> None:
        """See `Elsewhere`."""
        words = ("SET", request_key(request_id), asked, "NX", "GET", "PX", CLAIMED)
        found = partial(self._found, request_id, asked, patience, told)
        self._connection.send(words, found)

    def _found(
        self,
        request_id: str,
        asked: bytes,
        patience: float,
        told: Callable[[Claimed], None],
        reply: Any,
    ) -> None:
        """Tells what lay there before the claim, unless another server is still at it."""
        if not isinstance(reply, bytes):  # nothing, or Redis cannot say
            told(None)
            return
        answer = _answer(request_id, asked, reply)
        if answer is not None or patience <= 0.0:
            told(answer)
            return
        watching = asyncio.create_task(self._watch(request_id, asked, patience, told))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(
        self, request_id: str, asked: bytes, patience: float, told: Callable[[Claimed], None]
    ) -> None:
        """Waits for what the server that is at it answers; None also if it gives up, or takes too long."""
        answer: Claimed = None
        try:
            async with asyncio.timeout(patience):
                while answer is None:
                    await asyncio.sleep(LOOK_AGAIN)
                    found = await self._connection.ask("GET", request_key(request_id))
                    if found is None:
                        break
                    answer = _answer(request_id, asked, found)
        except (StorageError, TimeoutError):
            answer = None
        told(answer)

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


def _answer(request_id: str, asked: bytes, found: bytes) -> Claimed:
    """What a claim or a reply that was found says; None if there is no reply yet."""
    if found[:_FINGERPRINT] != asked:
        return conflict(request_id)
    return found[_FINGERPRINT:] or None
