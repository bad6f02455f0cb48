"""The same request id gets the same decision: what was answered in the last minutes, by request id."""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from engine.errors import RequestConflict
from engine.model import Decision, DecisionId, Micros, Question
from engine.native import native

ROOM: Final = 64 * 2**20
"""Bytes of replies kept at hand; of older requests only the id, their decision is in the journal."""


@native.quick
class Answer(NamedTuple):
    """A decision and its sealed token."""

    decision: Decision
    token: bytes


class Known(NamedTuple):
    """A request id seen before, by which decision it was answered, and what was asked.

    The fingerprint is None for one answered before this process began: its question is in the
    decision's record.
    """

    decision_id: DecisionId
    at: Micros
    fingerprint: bytes | None


class Repeats:
    """Remembers request ids for `ttl` microseconds; memory is bounded by the traffic of that time.

    `look` tells a repetition from a new request, `note` remembers that one was answered, and `keep`
    the reply itself. Replies are bytes, so that the garbage collector has nothing to walk through.
    """

    def __init__(self, ttl: Micros, room: int = ROOM) -> None:
        self._ttl = ttl
        self._room = room
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._replies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def look(self, question: Question, now: Micros) -> Known | None:
        """What is known of this request id, or None if it is new.

        Raises:
            RequestConflict: the id came with another question before.
        """
        self._expire(now)
        known = self._known.get(question.request_id)
        if known is None:
            return None
        if known.fingerprint is not None:
            agree(question, known.fingerprint)
        return known

    def reply(self, request_id: str) -> bytes | None:
        """The reply, if it is still at hand."""
        return self._replies.get(request_id)

    def asked(self, request_id: str) -> bytes | None:
        """The fingerprint of a question that was answered here; None if that is not at hand."""
        known = self._known.get(request_id)
        return None if known is None else known.fingerprint

    def note(self, question: Question, decision: Decision) -> None:
        """Remembers that this request was answered, and how."""
        known = Known(decision.decision_id, decision.decided_at, fingerprint(question))
        self._known[question.request_id] = known

    def keep(self, request_id: str, reply: bytes) -> None:
        """Keeps the reply at hand, while there is room."""
        self._drop(request_id)
        self._replies[request_id] = reply
        self._size += len(reply)
        while self._size > self._room:
            self._drop(next(iter(self._replies)))

    def restore(self, request_id: str, decision_id: DecisionId, at: Micros) -> None:
        """Remembers a request answered before this process began; the oldest first."""
        self._known[request_id] = Known(decision_id, at, None)

    def _expire(self, now: Micros) -> None:
        while self._known:
            request_id, known = next(iter(self._known.items()))
            if now - known.at <= self._ttl:
                return
            del self._known[request_id]
            self._drop(request_id)

    def _drop(self, request_id: str) -> None:
        reply = self._replies.pop(request_id, None)
        if reply is not None:
            self._size -= len(reply)


def agree(question: Question, asked: bytes) -> None:
    """Makes sure that this is what was `asked` under the same id.

    Raises:
        RequestConflict: it is another question.
    """
    if fingerprint(question) != asked:
        raise conflict(question.request_id)


def conflict(request_id: str) -> RequestConflict:
    """What is said where an id comes with another question."""
    return RequestConflict(
        f"request_id {request_id!r} was used for another question; "
        "send a new id with a new question"
    )


def fingerprint(question: Question) -> bytes:
    """What makes two questions the same one: everything the answer depends on."""
    interaction = question.interaction
    said = (
        question.customer_id,
        question.channel,
        question.placements,
        dict(question.context),
        question.max_offers,
        question.explain,
        interaction and (interaction.type, interaction.channel, dict(interaction.attributes)),
    )
    return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
