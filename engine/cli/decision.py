"""What made a decision, told to people and programs: from its record, or from a service's answer."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from engine.cli.client import Format
from engine.errors import AttuneError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.codec import DecisionRecord
    from engine.limits.limits import Limit
    from engine.model import Stage
    from engine.rulebook.book import RuleBook
    from engine.wire.decision_pb2 import DecideResponse

_UNTOLD = 2

DataOption = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        envvar="ATTUNE_DATA",
        help="Of recorded decisions: the data directory of the service, which may be running.",
    ),
]


def explain_decision(
    decision: str, data: Path, rules: Path | None, action: str, format_: Format
) -> None:
    """Prints what made a recorded decision; what is not to be had ends the program with status 2."""
    from engine.edges.grpc.answers import Answers
    from engine.replay.books import KeptBooks
    from engine.replay.finding import named
    from engine.replay.replay import Replay
    from engine.wire.decision_pb2 import DecideResponse

    try:
        [record] = named(data, [decision])
        replay = Replay(KeptBooks(data, rules))
        again = replay.again(record.decision.rulebook_version)
    except AttuneError as error:
        _end(str(error))
    if replay.replay(record).verdict != "equal":
        told = (
            f"{decision} does not come out the same when it is made again: attune replay says why"
        )
        typer.echo(f"attune explain: {told}", err=True)
    made = again.decide(record, explain=True, witnesses=_witnesses(data, record, again.book))
    response = DecideResponse.FromString(Answers().encode(made, b""))
    print_explained(response, record.question.customer_id, action, format_)
    if format_ is Format.TEXT:
        _tell_shadow(data, record)


def _tell_shadow(data: Path, record: "DecisionRecord") -> None:
    """Says what the challenger would have answered, if it decided the same unseen."""
    from engine.edges.journal.shadows import SHADOWS, shadow_of

    shadow = shadow_of(data / SHADOWS, record.decision.decision_id)
    if shadow is None:
        return
    unseen = shadow.record.decision
    for placed in unseen.placements:
        shown = ", ".join(offer.action_id for offer in placed.offers if not placed.fallback)
        typer.echo(
            f"Unseen, the challenger {shadow.name} (rule book {unseen.rulebook_version[:8]}) would"
            f" have shown in {placed.placement}: {shown or 'the fallback'}"
        )


def _witnesses(data: Path, record: "DecisionRecord", book: "RuleBook") -> "Mapping[Stage, Limit]":
    """None where the history cannot be read: the record alone then says what was kept back."""
    from engine.errors import StorageError
    from engine.replay.witnesses import witnesses

    try:
        return witnesses(data, record, book) if record.decision.values else {}
    except StorageError as error:
        typer.echo(f"attune explain: limits are told without their counts: {error}", err=True)
        return {}


def print_explained(
    response: "DecideResponse", customer: str, action: str, format_: Format
) -> None:
    """Prints the decision with its trace, or of its trace only one action."""
    from google.protobuf.json_format import MessageToDict
    from rich.console import Console

    from engine.cli.explained import show

    if action:
        told = [c for c in response.trace.candidates if c.action_id == action]
        if not told:
            raise typer.BadParameter(
                f"the rule book has no action '{action}'", param_hint="--action"
            )
        del response.trace.candidates[:]
        response.trace.candidates.extend(told)
    if format_ is Format.JSON:
        plain = MessageToDict(
            response.trace,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        typer.echo(json.dumps(plain["candidates"], indent=2, ensure_ascii=False))
    else:
        show(response, customer, Console(markup=False, highlight=False, emoji=False))


def _end(message: str) -> NoReturn:
    typer.echo(f"attune explain: {message}", err=True)
    raise typer.Exit(_UNTOLD)
