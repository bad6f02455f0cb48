"""`attune explain`: for a customer and every action, why it is out; for a decision, what made it."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeVar

import typer

from engine.cli.check import absence, as_text
from engine.cli.check import as_json as mistakes_as_json
from engine.cli.client import (
    DEFAULT_SERVER,
    CertificateOption,
    Format,
    FormatOption,
    ServerOption,
    connected,
)
from engine.cli.decision import DataOption, explain_decision, print_explained
from engine.cli.scores import explain_scores
from engine.decision_id import is_decision_id
from engine.model import SECOND, ActionId, PlacementId

if TYPE_CHECKING:
    from engine.model import Customer, Micros, PastInteraction, Touch, Value
    from engine.rulebook.book import RuleBook
    from engine.rulebook.load import Loaded
    from engine.wire.customer_pb2 import HistoryEntry, InteractionEntry

_BROKEN: Final = 2
T = TypeVar("T")


def explain(
    customer: Annotated[
        str,
        typer.Argument(
            metavar="CUSTOMER|DECISION",
            help="A customer of a running service, or a recorded decision: what has the form of a"
            " decision's id (14 and 16 hex digits, a dash between) is one.",
        ),
    ] = "",
    rules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The rule book to explain by.")
    ] = None,
    customer_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead of CUSTOMER: a YAML or JSON file of attributes, or of what a test says"
            " under customer, household, history and events.",
        ),
    ] = None,
    placements: Annotated[
        list[str] | None,
        typer.Option(
            "--placement",
            "-p",
            metavar="PLACEMENT",
            help="Where the offers are to be shown. With --rules by default everywhere, each place"
            " on its own. May be repeated.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="NAME=VALUE",
            help="An attribute for this request only, e.g. request.reason=cancel. May be repeated.",
        ),
    ] = None,
    now: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="With --rules: when, e.g. 2026-11-21T10:00:00Z; by default now."
        ),
    ] = "",
    action: Annotated[str, typer.Option(metavar="ID", help="Only this action.")] = "",
    score: Annotated[
        bool,
        typer.Option(
            "--score",
            help="Of a decision: what each feature added to the propensities of its offers, or of"
            " --action. May learn the model again from the journal.",
        ),
    ] = False,
    data: DataOption = Path("data"),
    server: ServerOption = DEFAULT_SERVER,
    tls_ca: CertificateOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Says for one customer and every action all the reasons it is out.

    Each reason comes with the condition's name and text, the values it saw,
    whether it is false or cannot be told, and where it is written. With
    --rules also with the smallest change that would let the action in: every
    change has been tried on the compiled rules before it is printed.

    The customer is told in a file (no service needed), or known to a service.
    A known customer is judged by --rules, which need not be live yet, or
    without them by the service, in a decision that leaves no trace.

    Example: attune explain --rules rules/telecom --customer-file examples/anna.yaml -p web.home_hero

    Example: attune explain c-1001 --rules rules/telecom --action win_back

    A decision is explained from its record in --data and the rule book that
    made it: who competed with what, who was shown, all reasons of the others.

    Example: attune explain c-1001 -p agent.desk -c request.reason=cancel

    Example: attune explain 06608b015f3000-00000000000004d2 --data data

    Example: attune explain 06608b015f3000-00000000000004d2 --action win_back --score
    """
    if score and not is_decision_id(customer):
        raise typer.BadParameter("goes with a recorded decision", param_hint="--score")
    if score:
        explain_scores(customer, data, rules, action, format_)
        return
    if is_decision_id(customer):
        explain_decision(customer, data, rules, action, format_)
        return
    if bool(customer) == bool(customer_file):
        raise typer.BadParameter("name either a CUSTOMER of a service or a --customer-file")
    if rules is None:
        _check_for_service(customer_file, now, placements)
        _by_the_service(customer, placements or [], context or [], action, server, tls_ca, format_)
        return
    loaded, book = _loaded(rules, format_)
    moment = _moment(now)
    if customer_file:
        who = _from_file(customer_file, book, moment)
    else:
        who = _from_service(customer, book, server, tls_ca)
    _check_known(placements or (), book.placements, "--placement")
    _check_known([action] if action else (), (a.action_id for a in book.actions), "--action")
    everywhere = [
        placement
        for placement, declared in book.placements.items()
        if not action
        or any(
            book.actions[book.treatments[t].action].action_id == action for t in declared.treatments
        )
    ]
    asked = _Asked(
        tuple(map(PlacementId, placements or everywhere or book.placements)),
        context_of(context or [], book),
        moment,
        ActionId(action) if action else None,
    )
    if customer_file:
        book = _without_trials(book)
    _by_rules(loaded, book, who, asked, rules, format_)


def _check_for_service(
    customer_file: Path | None, now: str, placements: Sequence[str] | None
) -> None:
    if customer_file:
        raise typer.BadParameter("a customer in a file is explained by --rules DIR")
    if now:
        raise typer.BadParameter("a service goes by its own clock", param_hint="--now")
    if not placements:
        raise typer.BadParameter("say where: --placement PLACEMENT, or give --rules DIR")


# --- by rules in files ----------------------------------------------------------------------------


class _Asked(NamedTuple):
    """Where, with what context, when, and of which action (None: of all)."""

    placements: tuple[PlacementId, ...]
    context: "Mapping[str, Value]"
    now: "Micros"
    action: ActionId | None


def _by_rules(
    loaded: "Loaded",
    book: "RuleBook",
    who: "Customer",
    asked: _Asked,
    rules: Path,
    format_: Format,
) -> None:
    from engine.account import Accountant
    from engine.cli.accounts import as_json, as_lines
    from engine.eligibility import show_moment
    from engine.model import Question
    from engine.rehearsal import EVEN

    accountant = Accountant(book, loaded.expressions)
    accounts = [
        account
        for placement in asked.placements
        for account in accountant.account(
            Question(
                who.customer_id, book.placements[placement].channel, (placement,), asked.context
            ),
            who,
            asked.now,
            asked.action,
        )
    ]
    if format_ is Format.JSON:
        typer.echo(json.dumps([as_json(a) for a in accounts], indent=2, ensure_ascii=False))
        return
    measured = ", and measured ones change what is expected of them" if book.measured else ""
    typer.echo(
        f"{rules} at {show_moment(asked.now)}; nothing is learned here, so every action has the"
        f" propensity {EVEN}{measured}\n"
    )
    colour = sys.stdout.isatty()
    for line in as_lines(accounts, rules, colour=colour, everybody=not asked.action):
        typer.echo(line)


def _loaded(rules: Path, format_: Format) -> "tuple[Loaded, RuleBook]":
    if not rules.is_dir():
        typer.echo(f"attune explain: {absence(rules)}", err=True)
        raise typer.Exit(_BROKEN)
    from engine.rulebook.load import load

    loaded = load(rules)
    if loaded.book is None:
        found = loaded.diagnostics
        as_is = format_ is Format.JSON
        typer.echo(
            mistakes_as_json(found) if as_is else as_text(found, rules, colour=sys.stdout.isatty())
        )
        raise typer.Exit(_BROKEN)
    return loaded, loaded.book


def _without_trials(book: "RuleBook") -> "RuleBook":
    """The same book without holdouts and experiments: somebody in a file has no id to draw lots by."""
    from engine.rulebook.trial import Trials

    return replace(book, trials=Trials())


def _moment(now: str) -> "Micros":
    from engine.rulebook.times import moment_of

    if not now:
        return time.time_ns() // (1_000 * SECOND) * SECOND
    moment = moment_of(now)
    if moment is None:
        raise typer.BadParameter(
            f"'{now}' is no time like 2026-11-21T10:00:00Z", param_hint="--now"
        )
    return moment


def _check_known(names: Iterable[str], known: Iterable[str], option: str) -> None:
    from engine.rulebook.names import Names

    kind = option.removeprefix("--")
    declared = Names.of(kind, known)
    for name in names:
        problem = declared.problem(name)
        if problem:
            raise typer.BadParameter(problem, param_hint=option)


def context_of(pairs: Sequence[str], book: "RuleBook") -> "dict[str, Value]":
    """The attributes given for this request, read as YAML reads them and by their declared types."""
    from engine.rulebook.cases import Cast, read_context

    for pair in pairs:
        if not pair.partition("=")[1]:
            raise typer.BadParameter(
                f"'{pair}' is no NAME=VALUE, e.g. request.reason=cancel", param_hint="--context"
            )
    lines = [": ".join(pair.split("=", 1)) for pair in pairs]
    read = partial(read_context, cast=Cast.of_book(book))
    return _read("\n".join(lines).encode(), "--context", read) if lines else {}


def _read(content: bytes, name: str, reader: "Callable[..., T]", *, with_places: bool = False) -> T:
    """What a reader makes of YAML; its mistakes end the program."""
    from engine.rulebook.parse import parse
    from engine.rulebook.report import Report

    report = Report()
    root = parse(name, content, report)
    found = reader(root, report=report) if root is not None else None
    mistakes = report.diagnostics()
    if mistakes or found is None:
        said = [str(m) if with_places else m.message for m in mistakes] or [
            "there is nothing in it"
        ]
        raise typer.BadParameter("\n".join(said), param_hint=None if with_places else name)
    return found


def _from_file(file: Path, book: "RuleBook", now: "Micros") -> "Customer":
    from engine.rehearsal import remembered
    from engine.rulebook.case import Case
    from engine.rulebook.cases import Cast, read_customer

    try:
        content = file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(
            f"{file} cannot be read ({error.strerror})", param_hint="--customer-file"
        ) from None
    read = partial(read_customer, cast=Cast.of_book(book))
    known = _read(content, str(file), read, with_places=True)
    somewhere = PlacementId(next(iter(book.placements)))
    case = Case(
        name=file.stem,
        file=str(file),
        line=1,
        customer=known.customer,
        history=known.history,
        events=known.events,
        placements=(somewhere,),
        channel=book.placements[somewhere].channel,
        context={},
        max_offers=0,
        now=now,
        expected=(),
    )
    return remembered(case, now)


# --- of a running service -------------------------------------------------------------------------


def _from_service(
    customer_id: str, book: "RuleBook", server: str, tls_ca: Path | None
) -> "Customer":
    """A customer as the service knows them; attributes the book does not declare are left out."""
    from engine.edges.grpc.values import Unfit, reader_of
    from engine.model import Customer, CustomerId
    from engine.wire.customer_pb2 import GetCustomerRequest
    from engine.wire.customer_pb2_grpc import CustomerServiceStub

    with connected(server, tls_ca) as connection:
        found = CustomerServiceStub(connection).GetCustomer(
            GetCustomerRequest(customer_id=customer_id), timeout=10
        )
    customer = Customer(CustomerId(customer_id), updated_at=found.updated_at.ToMicroseconds())
    customer.touches = [_touch(entry) for entry in found.history]
    customer.interactions = [_past(entry) for entry in reversed(found.interactions)]
    for name, value in found.customer.attributes.items():
        if name not in book.index:
            continue
        try:
            known = reader_of(book.attributes[book.index[name]], None)(value)
        except Unfit as unfit:
            typer.echo(f"attune explain: {name} is left out: it {unfit}", err=True)
            continue
        if known is not None:
            customer.attributes[name] = known
    return customer


def _touch(entry: "HistoryEntry") -> "Touch":
    """A line of the interaction history as the service tells it."""
    from engine.model import ActionId, DecisionId, Touch

    return Touch(
        DecisionId(entry.decision_id),
        ActionId(entry.action_id),
        entry.channel,
        PlacementId(entry.placement),
        entry.decided_at.ToMicroseconds(),
        {seen.outcome: (seen.time.ToMicroseconds(), seen.value) for seen in entry.outcomes},
    )


def _past(entry: "InteractionEntry") -> "PastInteraction":
    """What else happened, as the service tells it."""
    from engine.edges.grpc.values import read_any
    from engine.model import EventId, PastInteraction

    return PastInteraction(
        entry.time.ToMicroseconds(),
        entry.type,
        entry.channel,
        EventId(""),
        {name: read_any(entry.attributes[name]) for name in entry.attributes},
    )


def _by_the_service(
    customer: str,
    placements: Sequence[str],
    context: Sequence[str],
    action: str,
    server: str,
    tls_ca: Path | None,
    format_: Format,
) -> None:
    """The service's own explanation, of a decision that changes nothing and teaches nothing."""
    from engine.cli.values import pair
    from engine.wire.decision_pb2 import DecideRequest
    from engine.wire.decision_pb2_grpc import DecisionServiceStub

    try:
        given = dict(map(pair, context))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--context") from None
    request = DecideRequest(
        customer_id=customer, placements=placements, context=given, explain=True, dry_run=True
    )
    with connected(server, tls_ca) as connection:
        response = DecisionServiceStub(connection).Decide(request, timeout=10)
    print_explained(response, customer, action, format_)
