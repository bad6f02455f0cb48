"""Questions: a `DecideRequest` becomes a `Question` the active rule book can answer."""

from collections.abc import Sequence
from typing import Final, cast

from engine.edges.grpc.admission import (
    Admission,
    Violations,
    check_id,
    check_own_id,
    interaction_of,
)
from engine.edges.grpc.values import closest
from engine.errors import InvalidInput, UnknownPlacement, Violation
from engine.model import CustomerId, PlacementId, Question
from engine.rulebook.book import Placement, RuleBook
from engine.wire.decision_pb2 import DecideRequest

PLACEMENTS: Final = 30
OFFERS: Final = 100


def question_of(
    request: DecideRequest, admission: Admission, noted: Sequence[Violation] = ()
) -> Question:
    """The question, with everything in it declared, typed and in range.

    `noted` is what the caller found wrong with the message around the request.

    Raises:
        InvalidInput: names every wrong field at once.
        UnknownPlacement: nothing is wrong but a placement the book does not declare.
    """
    book = admission.book
    wrong: list[Violation] = [*noted]
    unknown: list[Violation] = []
    customer_id, request_id = request.customer_id, request.request_id
    check_id(customer_id, "customer_id", wrong)
    if request_id:
        check_own_id(request_id, "request_id", wrong)
    names = tuple(request.placements)
    channel = _channel(request.channel, names, book, wrong, unknown)
    context = admission.context(request.context, wrong)
    interaction = (
        interaction_of(request.interaction, admission, "interaction", wrong)
        if request.HasField("interaction")
        else None
    )
    max_offers = request.max_offers
    if not 0 <= max_offers <= OFFERS:
        wrong.append(Violation("max_offers", f"must be between 0 and {OFFERS}, not {max_offers}"))
    if wrong:
        raise InvalidInput(wrong + unknown)
    if unknown:
        raise UnknownPlacement("; ".join(f"{field}: {text}" for field, text in unknown))
    return Question(
        CustomerId(customer_id),
        channel,
        cast("tuple[PlacementId, ...]", names),
        context,
        request_id,
        interaction,
        max_offers,
        request.explain,
        request.dry_run,
    )


def _channel(
    channel: str, names: Sequence[str], book: RuleBook, wrong: Violations, unknown: Violations
) -> str:
    """The channel asked for, or else the placements' own; notes what is wrong with either."""
    if channel and channel not in book.channels:
        wrong.append(unknown_channel(channel, "channel", book))
        channel = ""
    if len(names) == 1:
        placement = book.placements.get(PlacementId(names[0]))
        if placement is not None and channel in {"", placement.channel}:
            return placement.channel
    return _common_channel(channel, names, book, wrong, unknown)


def unknown_channel(channel: str, field: str, book: RuleBook) -> Violation:
    """What is wrong with a channel the book does not have."""
    there = f"'{channel[:80]}' is not one of {', '.join(book.channels)}."
    return Violation(field, f"{there}{closest(channel, book.channels)}")


def _common_channel(
    channel: str, names: Sequence[str], book: RuleBook, wrong: Violations, unknown: Violations
) -> str:
    if not 0 < len(names) <= PLACEMENTS:
        wrong.append(
            Violation("placements", f"must name 1 to {PLACEMENTS} placements, not {len(names):,}")
        )
        return channel
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        placement = book.placements.get(PlacementId(name))
        if first.setdefault(name, i) != i:
            wrong.append(Violation(f"placements[{i}]", f"repeats placements[{first[name]}]"))
        elif placement is None:
            unknown.append(Violation(f"placements[{i}]", _no_placement(name, book)))
        elif placement.channel != (channel := channel or placement.channel):
            wrong.append(Violation(f"placements[{i}]", _elsewhere(placement, channel)))
    return channel


def _no_placement(name: str, book: RuleBook) -> str:
    hint = closest(name, tuple(book.placements))
    return f"'{name[:80]}' is not a placement of the rule book.{hint}"


def _elsewhere(placement: Placement, channel: str) -> str:
    return (
        f"{placement.placement_id} belongs to channel {placement.channel}, not {channel};"
        " all placements of a call must be of one channel"
    )
