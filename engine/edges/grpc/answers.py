"""Answers: a `Decision` becomes a `DecideResponse`, written straight as bytes.

Building the message field by field costs about 30 µs for ten offers, most of it for texts that are
the same every time. Here an offer's fixed fields are encoded once for each treatment, and an answer
is those fragments joined with the numbers of the day. The encoding is that of
https://protobuf.dev/programming-guides/encoding/; parsers take fields in any order.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from engine.model import CandidateTrace, Decision, Degradation, Offer, PlacementOffers, Trace
from engine.native import native
from engine.native.heads import Heads
from engine.native.interpreted import NUMBERS, Fixed
from engine.wire.decision_pb2 import CandidateTrace as CandidateTraceMessage
from engine.wire.decision_pb2 import DecideResponse, DecisionTrace, Factors
from engine.wire.decision_pb2 import Degradation as DegradationMessage
from engine.wire.decision_pb2 import Offer as OfferMessage
from engine.wire.decision_pb2 import Reason as ReasonMessage

_ONE_BYTE: Final = 0x80
_VARINTS: Final = tuple(bytes([n]) for n in range(_ONE_BYTE)) + tuple(
    bytes([n & 0x7F | _ONE_BYTE, n >> 7]) for n in range(_ONE_BYTE, 1 << 14)
)
_TRUE: Final = b"\x18\x01"  # PlacementOffers.fallback


class Answers:
    """Writes answers, keeping the fragments of treatments, and the versions."""

    __slots__ = ("_heads", "_model", "_model_field", "_version", "_version_field")

    def __init__(self) -> None:
        self._version = self._model = ""
        self._version_field = self._model_field = b""
        self._heads = Heads()

    def encode(self, decision: Decision, token: bytes) -> bytes:
        """The serialized `DecideResponse`, with the trace if there is one."""
        plain = self.plain(decision, token)
        return plain if decision.trace is None else plain + encode_trace(decision.trace)

    def plain(self, decision: Decision, token: bytes) -> bytes:
        """The same without the trace, which may follow."""
        if decision.rulebook_version != self._version:
            self._version = decision.rulebook_version
            self._version_field = _text(b"\x22", self._version)
        if decision.model_version != self._model:
            self._model = decision.model_version
            self._model_field = _text(b"\x2a", self._model)
        kept = self._heads.of(decision.rulebook_version)
        parts = [
            _text(b"\x0a", decision.decision_id),
            _text(b"\x12", decision.request_id),
            *[_placement(shown, kept) for shown in decision.placements],
            self._version_field,
            self._model_field,
            _text(b"\x32", decision.holdout),
            _chunk(b"\x4a", token),
        ]
        if decision.degraded:
            parts.append(_degraded(decision.degraded))
        return b"".join(parts)


def _placement(shown: PlacementOffers, kept: dict[str, Fixed]) -> bytes:
    offers = native.offer_bytes(shown.offers, kept, shown.placement, _head)
    body = _text(b"\x0a", shown.placement) + offers + (_TRUE if shown.fallback else b"")
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
    data = text.encode()
    return tag + _varint(len(data)) + data if data else b""


def _head(offer: Offer) -> bytes:
    fixed = OfferMessage(
        action_id=offer.action_id,
        treatment_id=offer.treatment_id,
        issue=offer.issue,
        group=offer.group,
        content=offer.content,
        bundle=offer.bundle,
    ).SerializeToString()
    return b"\x12" + _varint(len(fixed) + NUMBERS) + fixed


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
