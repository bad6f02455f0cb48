"""Answers: a `Decision` becomes a `DecideResponse`, written straight as bytes.

Building the message field by field costs about 30 µs for ten offers, most of it for texts that are
the same every time. Here an offer's fixed fields are encoded once for each treatment, and an answer
is those fragments joined with the numbers of the day. The encoding is that of
https://protobuf.dev/programming-guides/encoding/; parsers take fields in any order.
"""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple, cast

from engine.model import CandidateTrace, Decision, Degradation, Offer, PlacementOffers, Trace
from engine.wire.decision_pb2 import CandidateTrace as CandidateTraceMessage
from engine.wire.decision_pb2 import DecideResponse, DecisionTrace, Factors
from engine.wire.decision_pb2 import Degradation as DegradationMessage
from engine.wire.decision_pb2 import Offer as OfferMessage
from engine.wire.decision_pb2 import Reason as ReasonMessage

_ONE_BYTE: Final = 0x80
_VARINTS: Final = tuple(bytes([n]) for n in range(_ONE_BYTE)) + tuple(
    bytes([n & 0x7F | _ONE_BYTE, n >> 7]) for n in range(_ONE_BYTE, 1 << 14)
)
_RANK, _PRIORITY, _PROPENSITY, _VALUE, _PROBABILITY = 0x28, 0x31, 0x39, 0x41, 0x49  # tags
_NUMBERS: Final = Struct("<BBBBdBdBdBd")
"""An offer's rank (a varint of always two bytes, so up to 16,383) and doubles, each after its tag."""
_TRUE: Final = b"\x18\x01"  # PlacementOffers.fallback


class _Fixed(NamedTuple):
    """What of an offer is the same as long as its texts are, encoded; its numbers are to follow."""

    content: Mapping[str, str]
    bundle: str
    head: bytes


class Answers:
    """Writes answers, keeping the fragments of one rule book's treatments."""

    __slots__ = ("_fixed", "_version")

    def __init__(self) -> None:
        self._version = ""
        self._fixed: dict[str, _Fixed] = {}

    def encode(self, decision: Decision, token: bytes) -> bytes:
        """The serialized `DecideResponse`, with the trace if there is one."""
        plain = self.plain(decision, token)
        return plain if decision.trace is None else plain + encode_trace(decision.trace)

    def plain(self, decision: Decision, token: bytes) -> bytes:
        """The same without the trace, which may follow."""
        if decision.rulebook_version != self._version:
            self._version = decision.rulebook_version
            self._fixed.clear()
        parts = [
            _text(b"\x0a", decision.decision_id),
            _text(b"\x12", decision.request_id),
            *map(self._placement, decision.placements),
            _text(b"\x22", decision.rulebook_version),
            _text(b"\x2a", decision.model_version),
            _text(b"\x32", decision.holdout),
            _chunk(b"\x4a", token),
        ]
        if decision.degraded:
            parts.append(_degraded(decision.degraded))
        return b"".join(parts)

    def _placement(self, shown: PlacementOffers) -> bytes:
        parts = [_text(b"\x0a", shown.placement)]
        kept, pack = self._fixed, _NUMBERS.pack
        for offer in shown.offers:
            key = offer.treatment_id or shown.placement
            fixed = kept.get(key)
            if fixed is None or fixed.content is not offer.content or fixed.bundle != offer.bundle:
                fixed = kept[key] = _Fixed(offer.content, offer.bundle, _head(offer))
            parts.append(fixed.head)
            rank = offer.rank
            parts.append(
                pack(
                    _RANK,
                    rank & 0x7F | _ONE_BYTE,
                    rank >> 7,
                    _PRIORITY,
                    offer.priority,
                    _PROPENSITY,
                    offer.propensity,
                    _VALUE,
                    offer.value,
                    _PROBABILITY,
                    offer.probability,
                )
            )
        if shown.fallback:
            parts.append(_TRUE)
        body = b"".join(parts)
        return b"\x1a" + _varint(len(body)) + body


def encode_on_stream(request_id: str, field: int, message: bytes) -> bytes:
    """The serialized `DecideStreamResponse` around a serialized response (2) or status (3)."""
    return _text(b"\x0a", request_id) + bytes([field << 3 | 2]) + _varint(len(message)) + message


def encode_trace(trace: Trace) -> bytes:
    """What a trace adds to a serialized `DecideResponse`."""
    return join_trace(list(map(encode_candidate, trace.candidates)), trace.timings_us)


def join_trace(candidates: Sequence[bytes], timings_us: Mapping[str, float]) -> bytes:
    """The same of candidates that are serialized already, in their order."""
    timings = DecisionTrace(timings_us=timings_us).SerializeToString()
    return _chunk(b"\x42", b"".join((*candidates, timings)))


def encode_candidate(candidate: CandidateTrace) -> bytes:
    """What a candidate adds to a serialized `DecisionTrace`."""
    return _chunk(b"\x0a", _candidate(candidate).SerializeToString())


def _varint(n: int) -> bytes:
    if n < 1 << 14:
        return _VARINTS[n]
    digits = bytearray()
    while n >= _ONE_BYTE:
        digits.append(n & 0x7F | _ONE_BYTE)
        n >>= 7
    digits.append(n)
    return bytes(digits)


def _chunk(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data if data else b""


def _text(tag: bytes, text: str) -> bytes:
    return _chunk(tag, text.encode())


def _head(offer: Offer) -> bytes:
    fixed = OfferMessage(
        action_id=offer.action_id,
        treatment_id=offer.treatment_id,
        issue=offer.issue,
        group=offer.group,
        content=offer.content,
        bundle=offer.bundle,
    ).SerializeToString()
    return b"\x12" + _varint(len(fixed) + _NUMBERS.size) + fixed


def _degraded(degraded: Sequence[Degradation]) -> bytes:
    return DecideResponse(
        degraded=[
            DegradationMessage(step=cast("DegradationMessage.Step.ValueType", step), reason=reason)
            for step, reason in degraded
        ]
    ).SerializeToString()


def _candidate(candidate: CandidateTrace) -> CandidateTraceMessage:
    return CandidateTraceMessage(
        action_id=candidate.action_id,
        treatment_id=candidate.treatment_id or "",
        placement=candidate.placement,
        rank=candidate.rank,
        factors=None if candidate.factors is None else Factors(**candidate.factors._asdict()),
        reasons=[
            ReasonMessage(
                stage=cast("ReasonMessage.Stage.ValueType", reason.stage),
                code=reason.code,
                unknown=reason.unknown,
                detail=reason.detail,
                place=reason.place,
                saw=reason.saw,
            )
            for reason in candidate.reasons
        ],
        notes=candidate.notes,
    )
