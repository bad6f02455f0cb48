"""The bytes everything persistent is written in: compact JSON arrays that begin with their version.

Every round trip is exact: ints stay ints and floats floats (also infinite ones and NaN), tuples stay
tuples and lists lists, null stays null and `UNKNOWN` unknown. Encoding raises TypeError for what has
no place in the domain, among it ints beyond 64 bit; decoding raises StorageError for bytes that this
version cannot read.

A value that JSON lacks is an object with the single key `$`; maps that themselves have that key are
wrapped in one.
"""

import struct
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from engine.columns import Vector, evenly, the_same
from engine.errors import DamagedData, StorageError
from engine.grounds import NO_VENTURE, Answer, Entered, Grounds, Narrowed, Venture
from engine.model import (
    UNKNOWN,
    Contest,
    Customer,
    CustomerId,
    Decision,
    Degradation,
    Event,
    Exposure,
    Interaction,
    Lesson,
    Measure,
    Observation,
    Offer,
    PastInteraction,
    PlacementOffers,
    ProfileUpdate,
    Question,
    Response,
    Step,
    Touch,
    TrainingExample,
    UpliftLesson,
    Value,
)
from engine.native import native
from engine.native.heads import Heads
from engine.native.interpreted import TAGGED, Fixed

VERSION: Final = 1
"""Version of the layouts in this module; data of a newer one is refused."""

DECISIONS: Final = 3
"""Version of a decision's record. In the first one all numbers of a contest were written out, in the second all
offers; they are read too."""


class EntryKind(IntEnum):
    """What kind of entry a line of the log is. The numbers are stored: they never change."""

    INTERACTION = 0
    RESPONSE = 1
    PROFILE = 2
    SCHEMA = 3


@dataclass(frozen=True, slots=True)
class SchemaNote:
    """What a feature schema's digest stands for; precedes every response that carries the digest.

    `document` is plain JSON: dicts with string keys, lists, strings, numbers, bools and None.
    """

    digest: str
    document: Mapping[str, Any]


Entry: TypeAlias = Event | ProfileUpdate | SchemaNote
"""A line of the log."""


class Damage(NamedTuple):
    """What stands in for a line of the log that cannot be read any more."""

    reason: str


Line: TypeAlias = Entry | Damage
"""What is found at a place in the log."""


def owner(line: Line) -> CustomerId | None:
    """The customer a line is about; None for a schema and for what cannot be read."""
    return line.customer_id if isinstance(line, Event | ProfileUpdate) else None


@native.quick
class DecisionRecord(NamedTuple):
    """What is kept of a decision: the question, and the answer without its trace."""

    question: Question
    decision: Decision


def trimmed(written: bytes) -> bytes:
    """The same bytes in no more memory than they take; orjson's own keep a buffer of 4 kB or more.

    For what is kept for longer than a call.
    """
    return bytes(memoryview(written))


# --- values -----------------------------------------------------------------------------------

_SCALARS: Final = frozenset({bool, int, str, type(None)})
_UNKNOWN: Final = {"$": 0}
_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY


def _pack(value: Value) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is float:
        return value if value - value == 0.0 else {"$": repr(value)}  # type: ignore[operator]
    if value is UNKNOWN:
        return _UNKNOWN
    if kind is tuple:
        return [_pack(item) for item in value]  # type: ignore[union-attr]
    if kind is list:
        return {"$": [_pack(item) for item in value]}  # type: ignore[union-attr]
    if isinstance(value, Mapping):
        packed = {name: _pack(item) for name, item in value.items()}
        return {"$": packed} if "$" in packed else packed
    if isinstance(value, float):
        return _pack(float(value))
    raise TypeError(f"{value!r} of type {kind.__name__} is no attribute value")


def _unpack(packed: Any) -> Value:
    if type(packed) is list:
        return tuple([_unpack(item) for item in packed])
    if type(packed) is not dict:
        return packed  # type: ignore[no-any-return]
    if "$" not in packed:
        return {name: _unpack(item) for name, item in packed.items()}
    inner = packed["$"]
    match inner:
        case int():
            return UNKNOWN
        case str():
            return float(inner)
        case list():
            return [_unpack(item) for item in inner]
    return {name: _unpack(item) for name, item in inner.items()}


def _pack_all(values: Iterable[Value]) -> list[Any]:
    return [
        value
        if (kind := type(value)) in _SCALARS or (kind is float and value - value == 0.0)  # type: ignore[operator]
        else _pack(value)
        for value in values
    ]


def _unpack_all(packed: list[Any]) -> list[Value]:
    return [_unpack(item) if type(item) in _NESTED else item for item in packed]


def _pack_named(values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        name: value if type(value) in _SCALARS else _pack(value) for name, value in values.items()
    }


def _unpack_named(packed: dict[str, Any]) -> dict[str, Value]:
    if _NESTED.isdisjoint(map(type, packed.values())):
        return packed
    return {name: _unpack(item) if type(item) in _NESTED else item for name, item in packed.items()}


_NESTED: Final = frozenset({list, dict})


# --- entries ----------------------------------------------------------------------------------


def encode_entry(entry: Entry) -> tuple[EntryKind, bytes]:
    """One line of the log, with its kind."""
    match entry:
        case Event(body=Response() as response):
            return EntryKind.RESPONSE, trimmed(_encode_response(entry, response))
        case Event(body=Interaction() as interaction):
            fields = [
                VERSION,
                entry.event_id,
                entry.customer_id,
                entry.time,
                interaction.type,
                interaction.channel,
                _pack_named(interaction.attributes),
            ]
            return EntryKind.INTERACTION, trimmed(orjson.dumps(fields))
        case ProfileUpdate():
            update = [VERSION, entry.customer_id, entry.time, _pack_named(entry.attributes)]
            return EntryKind.PROFILE, trimmed(orjson.dumps(update))
        case SchemaNote():
            note = [VERSION, entry.digest, dict(entry.document)]
            return EntryKind.SCHEMA, orjson.dumps(note)
    raise TypeError(f"{type(entry).__name__} is no entry of the log")


def decode_entry(kind: int, data: bytes) -> Entry:
    """The line of the log that `encode_entry` wrote."""
    fields = _fields(data)
    match kind:
        case EntryKind.RESPONSE:
            return _decode_response(fields)
        case EntryKind.INTERACTION:
            event_id, customer_id, time, what, channel, attributes = fields
            body = Interaction(what, channel, _unpack_named(attributes))
            return Event(event_id, customer_id, time, body)
        case EntryKind.PROFILE:
            customer_id, time, attributes = fields
            return ProfileUpdate(customer_id, time, _unpack_named(attributes))
        case EntryKind.SCHEMA:
            digest, document = fields
            return SchemaNote(digest, document)
    raise StorageError(f"the log holds an entry of kind {kind}, which this version does not know")


def decode_line(kind: int, data: bytes) -> Line:
    """The same, but what cannot be read is told apart instead of raised."""
    try:
        entry = decode_entry(kind, data)
    except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
        return Damage(f"{type(error).__name__}: {error}")
    if isinstance(entry, SchemaNote):
        return entry if type(entry.digest) is str else Damage("no digest")
    sound = type(entry.customer_id) is str and type(entry.time) is int
    return entry if sound else Damage("no customer or no time")


def _encode_response(event: Event, response: Response) -> bytes:
    exposure = response.exposure
    return orjson.dumps(
        [
            VERSION,
            event.event_id,
            event.customer_id,
            event.time,
            response.outcome,
            _pack(response.value),
            _pack(response.reward),
            exposure.decision_id,
            exposure.action_id,
            exposure.group,
            exposure.channel,
            exposure.placement,
            exposure.decided_at,
            _pack(exposure.probability),
            _pack(exposure.propensity),
            exposure.schema,
            None if exposure.features is None else _pack_sequence(exposure.features),
            *(() if response.measure is None else ([*response.measure],)),
        ]
    )


def _decode_response(fields: list[Any]) -> Event:
    event_id, customer_id, time, outcome, value, reward = fields[:6]
    decision, action, group, channel, placement, decided_at, *rest = fields[6:]
    probability, propensity, schema, features, *measure = rest
    exposure = Exposure(
        decision,
        action,
        group,
        channel,
        placement,
        decided_at,
        _float(probability),
        _float(propensity),
        schema,
        None if features is None else _unpack_sequence(features),
    )
    response = Response(
        exposure,
        outcome,
        _float(value),
        None if reward is None else _float(reward),
        Measure(*measure[0]) if measure else None,
    )
    return Event(event_id, customer_id, time, response)


def _pack_sequence(values: Sequence[Value]) -> Any:
    """A list as an array, a tuple (which is the rarer one here) wrapped."""
    packed = values if native.is_plain(values) else _pack_all(values)
    return {"$": packed} if type(values) is tuple else packed


def _exactly(plain: Sequence[Any], nulls: int) -> bytes | None:
    """JSON in one go, None if that would not be exact: NaN and infinity become null, so nulls are counted.

    (A text that speaks of null is counted too, and then the long way is taken for nothing.)
    """
    text = orjson.dumps(plain, option=_OPTIONS, default=dict)
    return text if text.count(b"null") == nulls else None


def _unpack_sequence(packed: Any) -> Sequence[Value]:
    return tuple(_unpack_all(packed["$"])) if type(packed) is dict else _unpack_all(packed)


def _float(packed: Any) -> Any:
    return _unpack(packed) if type(packed) is dict else packed


def _fields(data: bytes, newest: int = VERSION) -> list[Any]:
    """The fields after the version, which is at most the newest that is known."""
    fields: list[Any]
    try:
        version, *fields = orjson.loads(data)
    except (ValueError, TypeError) as error:
        raise DamagedData(f"damaged data: {error}") from error
    if type(version) is not int or not VERSION <= version <= newest:
        raise StorageError(f"data of layout {version}: this version reads layout {newest}")
    return fields


# --- lessons ----------------------------------------------------------------------------------


def encode_lessons(lessons: Sequence[Lesson], place: tuple[int, int]) -> bytes:
    """What an entry teaches, with its place in the log (partition and offset)."""
    return orjson.dumps([VERSION, *place, [_pack_lesson(lesson) for lesson in lessons]])


def decode_lessons(data: bytes) -> tuple[tuple[Lesson, ...], tuple[int, int]]:
    """The lessons and the place that `encode_lessons` wrote."""
    partition, offset, packed = _fields(data)
    return tuple(map(_unpack_lesson, packed)), (partition, offset)


def _pack_lesson(lesson: Lesson) -> list[Any]:
    """The first field tells the kinds apart."""
    if isinstance(lesson, UpliftLesson):
        return [
            1,
            lesson.action_id,
            lesson.outcome,
            lesson.treated,
            lesson.schema,
            _pack_sequence(lesson.features),
            lesson.happened,
            lesson.taught,
        ]
    return [
        0,
        lesson.decision_id,
        lesson.action_id,
        lesson.group,
        lesson.channel,
        lesson.schema,
        _pack_sequence(lesson.features),
        _pack(lesson.reward),
        _pack(lesson.taught),
        lesson.taken_back,
    ]


def _unpack_lesson(packed: list[Any]) -> Lesson:
    kind, *fields = packed
    if kind == 1:
        action, outcome, treated, schema, features, happened, known = fields
        return UpliftLesson(
            action, outcome, treated, schema, _unpack_sequence(features), happened, known
        )
    decision, action, group, channel, schema, features, reward, taught, taken_back = fields
    return TrainingExample(
        decision, action, group, channel, schema,
        _unpack_sequence(features), _float(reward), _float(taught), taken_back,
    )  # fmt: skip


# --- customers --------------------------------------------------------------------------------


_PIECE: Final = 100
"""Lines of a history that are encoded at one go: in 50 µs or so, and without large buffers, which cost more."""


def encode_customer(customer: Customer) -> bytes:
    """A customer, whole."""
    return _encode_customer(customer, [*_pieces(customer.touches)])


def encode_customer_in_pieces(customer: Customer) -> Generator[None, None, bytes]:
    """`encode_customer` a little at a time: a full history takes ten times as long as any step of this.

    Until the bytes are returned the customer must not change.
    """
    packed = []
    for piece in _pieces(customer.touches):
        packed.append(piece)
        yield
    return _encode_customer(customer, packed)


def _pieces(touches: Sequence[Touch]) -> Iterator[bytes]:
    return (_pack_touches(touches[at : at + _PIECE]) for at in range(0, len(touches), _PIECE))


def _encode_customer(customer: Customer, touches: Sequence[bytes]) -> bytes:
    """A customer whose history is packed already; one copy of it, in no more memory than it takes."""
    profile = [
        VERSION,
        customer.customer_id,
        _pack_named(customer.attributes),
        customer.updated_at,
        customer.as_of,
    ]
    rest = [
        [tuple(past) if past.details else past[:4] for past in customer.interactions],
        customer.counts,
        customer.last,
        customer.revision,
        *[_pack_observation(seen) for seen in customer.observations],
    ]
    history = b",".join(touches)
    return b"".join((orjson.dumps(profile)[:-1], b",[", history, b"],", orjson.dumps(rest)[1:]))


def decode_customer(data: bytes) -> Customer:
    """The customer that `encode_customer` wrote."""
    customer_id, attributes, updated_at, as_of, touches, interactions, *rest = _fields(data)
    counts, last, revision, *observations = rest
    return Customer(
        customer_id,
        _unpack_named(attributes),
        updated_at,
        as_of,
        [_unpack_touch(touch) for touch in touches],
        [PastInteraction(*past) for past in interactions],
        counts,
        last,
        revision,
        [_unpack_observation(seen) for seen in observations],
    )


def _pack_observation(seen: Observation) -> list[Any]:
    return [
        seen.action_id,
        [*seen.measure],
        seen.period,
        seen.first,
        seen.last,
        seen.schema,
        _pack_sequence(seen.features),
        seen.taught,
    ]


def _unpack_observation(packed: list[Any]) -> Observation:
    action, measure, period, first, last, schema, features, taught = packed
    return Observation(
        action, Measure(*measure), period, first, last, schema, _unpack_sequence(features), taught
    )


_parts_of = attrgetter(*Touch.__slots__)


def _pack_touches(touches: Sequence[Touch]) -> bytes:
    """The lines of a history, without the brackets: in one go, each by itself where that would not be exact."""
    lines = list(map(_parts_of, touches))
    written = _exactly(lines, [line[-1] for line in lines].count(None))
    return (written or orjson.dumps([_pack_touch(touch) for touch in touches]))[1:-1]


def _pack_touch(touch: Touch) -> list[Any]:
    return [
        touch.decision_id,
        touch.action_id,
        touch.channel,
        touch.placement,
        touch.decided_at,
        {outcome: [time, _pack(value)] for outcome, (time, value) in touch.outcomes.items()},
        _pack(touch.taught),
    ]


def _unpack_touch(packed: list[Any]) -> Touch:
    decision, action, channel, placement, decided_at, outcomes, taught = packed
    return Touch(
        decision,
        action,
        channel,
        placement,
        decided_at,
        {outcome: (time, _float(value)) for outcome, (time, value) in outcomes.items()},
        _float(taught),
    )


# --- decisions --------------------------------------------------------------------------------

_LENGTHS: Final = struct.Struct("<II")
_INDEX: Final = np.dtype("<i4")
_NOBODY: Final = np.empty(0, dtype=np.intp)
_NOTHING: Final = np.empty(0)


def encode_decision(record: DecisionRecord, heads: Heads | None = None) -> bytes:
    """A decision's record: a JSON part, then its offers, and the arrays of its contests as they are in memory.

    What follows from other numbers of a contest, or is the same for all actions, is not among the arrays. Who
    writes many records gives all the same `heads`, and need not write out each offer.
    """
    question, decision = record
    arrays: list[bytes] = []
    kept = {} if heads is None else heads.of(decision.rulebook_version)
    placements = [_pack_placement(placed, kept, arrays) for placed in decision.placements]
    contests = [_pack_contest(contest, arrays) for contest in decision.contests]
    grounds = (
        None if decision.grounds is None else _pack_grounds(decision, decision.grounds, arrays)
    )
    text = orjson.dumps(
        [
            DECISIONS,
            _pack_question(question),
            decision.decision_id,
            decision.decided_at,
            decision.seed,
            placements,
            decision.rulebook_version,
            decision.model_version,
            decision.holdout,
            [[int(step), reason] for step, reason in decision.degraded],
            _pack_sequence(decision.values),
            None if decision.features is None else _pack_sequence(decision.features),
            decision.schema,
            contests,
            decision.customer_id,
            decision.request_id,
            decision.channel,
            grounds,
            *_pack_given_up(decision),
        ],
        option=_OPTIONS,
    )
    raw = b"".join(arrays)
    return b"".join((_LENGTHS.pack(len(text), len(raw)), text, raw))


def decode_decision(data: bytes) -> DecisionRecord:
    """The record that `encode_decision` wrote."""
    try:
        size, _ = _LENGTHS.unpack_from(data)
    except struct.error as error:
        raise StorageError(f"damaged data: {error}") from error
    fields = _fields(data[_LENGTHS.size : _LENGTHS.size + size], DECISIONS)
    question, decision_id, decided_at, seed, placements, rulebook, model, holdout, *rest = fields
    degraded, values, features, schema, packed, customer_id, request_id, channel, *later = rest
    arrays = _Arrays(memoryview(data)[_LENGTHS.size + size :])
    placed = [_unpack_placement(one, arrays) for one in placements]
    contests = tuple([_unpack_contest(contest, arrays) for contest in packed])
    grounds = _unpack_grounds(later[0], contests, arrays) if later and later[0] else None
    decision = Decision(
        decision_id,
        customer_id,
        request_id,
        channel,
        decided_at,
        seed,
        placed,
        rulebook,
        model,
        holdout,
        tuple([Degradation(Step(step), reason) for step, reason in degraded]),
        _unpack_sequence(values),
        None if features is None else _unpack_sequence(features),
        schema,
        contests,
        grounds=grounds,
    )
    if later[1:]:
        decision.given_up, decision.given_up_today = map(_float, later[1:3])
        decision.held_out = tuple(later[3:])
    return DecisionRecord(_unpack_question(question), decision)


def _pack_given_up(decision: Decision) -> tuple[Any, ...]:
    """What exploration gave up, where that is limited, and which measured actions were held out."""
    if not (decision.given_up_today or decision.held_out):
        return ()
    return decision.given_up, _pack(decision.given_up_today), *decision.held_out


def split_decisions(block: bytes) -> list[bytes]:
    """The records in a block, which is records one after the other."""
    records = []
    at = 0
    while at < len(block):
        text, raw = _LENGTHS.unpack_from(block, at)
        end = at + _LENGTHS.size + text + raw
        records.append(block[at:end])
        at = end
    return records


def _pack_question(question: Question) -> list[Any]:
    interaction = question.interaction
    return [
        question.customer_id,
        question.channel,
        question.placements,
        _pack_named(question.context),
        question.request_id,
        None
        if interaction is None
        else [interaction.type, interaction.channel, _pack_named(interaction.attributes)],
        question.max_offers,
        question.explain,
        question.dry_run,
    ]


def _unpack_question(packed: list[Any]) -> Question:
    customer_id, channel, placements, context, request_id, interaction, *rest = packed
    if interaction is not None:
        what, by, attributes = interaction
        interaction = Interaction(what, by, _unpack_named(attributes))
    max_offers, explain, dry_run = rest
    return Question(
        customer_id,
        channel,
        tuple(placements),
        _unpack_named(context),
        request_id,
        interaction,
        max_offers,
        explain,
        dry_run,
    )


def _pack_placement(
    placed: PlacementOffers, kept: dict[str, Fixed], arrays: list[bytes]
) -> list[Any]:
    """The placement, and how many offers it has, which go to `arrays`."""
    arrays.append(native.offer_bytes(placed.offers, kept, placed.placement, _head))
    return [placed.placement, placed.fallback, len(placed.offers)]


_LENGTH: Final = struct.Struct("<I")


def _head(offer: Offer) -> bytes:
    """What offers of a treatment have in common: as JSON, after its length."""
    common = offer.action_id, offer.treatment_id, offer.issue, offer.group
    text = orjson.dumps([*common, dict(offer.content), offer.bundle])
    return _LENGTH.pack(len(text)) + text


def _unpack_placement(packed: list[Any], arrays: "_Arrays") -> PlacementOffers:
    placement, fallback, offers = packed
    if type(offers) is int:
        return PlacementOffers(placement, [arrays.offer() for _ in range(offers)], fallback)
    return PlacementOffers(placement, [_unpack_offer(offer) for offer in offers], fallback)


def _unpack_offer(packed: list[Any]) -> Offer:
    action, treatment, issue, group, rank, *rest = packed
    priority, propensity, value, probability = map(_float, rest[:4])
    content, *bundle = rest[4:]
    return Offer(
        action,
        treatment,
        issue,
        group,
        rank,
        priority,
        propensity,
        value,
        probability,
        content,
        *bundle,
    )


def _pack_contest(contest: Contest, arrays: list[bytes]) -> list[Any]:
    """Placement, lengths, whether priorities follow, and of C, V and L the number that is all actions'.

    The arrays go to `arrays`, those of all actions cut to the candidates.
    """
    placement, actions, priorities, propensities, context, value, lever, _, weighed = contest
    packed = [placement, propensities is not None, len(actions), len(lever), weighed]
    columns: tuple[Vector, ...] = () if propensities is None else (propensities,)
    for column in (context, value, lever):
        same = the_same(column)
        if same is None or not isfinite(same):  # JSON has no infinity
            same = None
            columns += (column,)
        packed.append(same)
    arrays.append(native.cut(actions, None if weighed else priorities, columns))
    return packed


def _unpack_contest(packed: list[Any], arrays: "_Arrays") -> Contest:
    """The contest again; of actions that did not compete nothing was kept but what is the same for all: NaN."""
    placement, with_propensities, count, of_book, *later = packed
    weighed, *same = later or (False, None, None, None)
    actions = arrays.take("<i4", count).astype(np.intp)

    def spread(same: float | None = None) -> npt.NDArray[np.float64]:
        if same is not None:
            return evenly(same, of_book)
        column = np.full(of_book, np.nan)
        column[actions] = arrays.take("<f8", count)
        return column

    priorities = _NOTHING if weighed else arrays.take("<f8", count)
    propensities = spread() if with_propensities else None
    context, value, lever = map(spread, same)
    if weighed and propensities is not None:
        priorities = propensities[actions] * (context * value * lever)[actions]
    return Contest(
        placement, actions, priorities, propensities, context, value, lever, weighed=weighed
    )


def _pack_grounds(decision: Decision, grounds: Grounds, arrays: list[bytes]) -> list[Any]:
    """Limits, pull and lengths; to `arrays` go those who entered a contest and did not compete."""
    entered, limits, pull, venture = grounds
    others = []
    for contest, one in zip(decision.contests, entered, strict=True):
        other = _others(contest, one)
        others.append(other)
        if len(other):
            propensities = contest.propensities
            arrays.append(native.cut(other, None, () if propensities is None else (propensities,)))
    added = None
    if pull is not None:
        moved = np.flatnonzero(pull)
        added = [moved.tolist(), pull[moved].tolist()]
    answers = None if limits is None else [_pack_answer(answer) for answer in limits]
    packed = [[len(other) for other in others], answers, added]
    if venture is not NO_VENTURE:
        packed += _pack_venture(venture, decision.contests, others, arrays)
    return packed


def _others(contest: Contest, entered: Entered) -> npt.NDArray[np.intp]:
    """The actions that entered a contest and did not compete, ascending."""
    if len(entered.treatments) == len(contest.actions):
        return _NOBODY
    return np.setdiff1d(entered.actions, contest.actions).astype(np.intp)


def _unpack_grounds(packed: list[Any], contests: Sequence[Contest], arrays: "_Arrays") -> Grounds:
    """The grounds again; who entered is named by action. Their propensities go to the contests."""
    counts, answers, pull, *venture = packed
    entered = []
    for contest, count in zip(contests, counts, strict=True):
        others = arrays.take("<i4", count).astype(np.intp)
        if contest.propensities is not None:
            contest.propensities[others] = arrays.take("<f8", count)
        actions = np.concatenate((contest.actions, others)).tolist()
        entered.append(Entered(actions, range(len(contest.lever))))
    percent = None
    if pull is not None:
        percent = np.zeros(len(contests[0].lever) if contests else 0)
        percent[pull[0]] = pull[1]
    limits = None if answers is None else tuple(map(_unpack_answer, answers))
    of_book = len(contests[0].lever) if contests else 0
    return Grounds(
        tuple(entered), limits, percent, _unpack_venture(venture, entered, of_book, arrays)
    )


def _pack_venture(
    venture: Venture,
    contests: Sequence[Contest],
    others: Sequence[npt.NDArray[np.intp]],
    arrays: list[bytes],
) -> tuple[Any, ...]:
    """Beliefs by action, what was left, and whether exposures go to `arrays`; nothing if none was asked for.

    Exposures are kept of those who competed and of the `others` who entered each contest.
    """
    beliefs, left, exposures = venture
    if beliefs is None and left is None and exposures is None:
        return ()
    named = None if beliefs is None else [[action, *shape] for action, shape in beliefs.items()]
    packed = named, None if left is None else _pack(left)
    if exposures is None:
        return packed
    for contest, other in zip(contests, others, strict=True):
        arrays.append(exposures[contest.actions].astype(_INDEX).tobytes())
        arrays.append(exposures[other].astype(_INDEX).tobytes())
    return *packed, True


def _unpack_venture(
    packed: list[Any], entered: Sequence[Entered], of_book: int, arrays: "_Arrays"
) -> Venture:
    if not packed:
        return NO_VENTURE
    named, left, *later = packed
    beliefs = None if named is None else {action: (a, b) for action, a, b in named}
    exposures = _unpack_exposures(entered, of_book, arrays) if later else None
    return Venture(beliefs, None if left is None else _float(left), exposures)


def _unpack_exposures(
    entered: Sequence[Entered], of_book: int, arrays: "_Arrays"
) -> npt.NDArray[np.float64]:
    """How often each was shown of those who entered a contest; of others nothing was kept: NaN."""
    shown = np.full(of_book, np.nan)
    for one in entered:
        shown[one.actions] = arrays.take("<i4", len(one.treatments))
    return shown


def _pack_answer(answer: Answer) -> Any:
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, tuple):
        return [[narrowed.stage, narrowed.closed] for narrowed in answer]
    return {str(treatment): price for treatment, price in answer.items()}


def _unpack_answer(packed: Any) -> Answer:
    if isinstance(packed, bool):
        return packed
    if isinstance(packed, list):
        return tuple([Narrowed(stage, closed, ()) for stage, closed in packed])
    return {int(treatment): price for treatment, price in packed.items()}


class _Arrays:
    """Reads offers and arrays off one after the other."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def offer(self) -> Offer:
        """What `native.offer_bytes` wrote of one, behind its head."""
        (size,) = _LENGTH.unpack_from(self._data, self._at)
        first = self._at + _LENGTH.size
        action, treatment, issue, group, content, bundle = orjson.loads(
            self._data[first : first + size]
        )
        _, low, high, *tagged = TAGGED.unpack_from(self._data, first + size)
        priority, propensity, value, probability = tagged[1::2]
        self._at = first + size + TAGGED.size
        return Offer(
            action,
            treatment,
            issue,
            group,
            low & 0x7F | high << 7,
            priority,
            propensity,
            value,
            probability,
            content,
            bundle,
        )

    def take(self, dtype: str, count: int) -> npt.NDArray[Any]:
        array = np.frombuffer(self._data, dtype, count, self._at)
        self._at += array.nbytes
        return array
