"""`attune challenger`: another rule book in shadow, on a share, in the champion's place, and back."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from engine.cli.check import absence, mistakes
from engine.cli.client import Format, FormatOption
from engine.errors import AttuneError, InvalidInput, NotFound, Violation

if TYPE_CHECKING:
    from engine.challenger.plan import Plan
    from engine.model import Micros
    from engine.rulebook.book import RuleBook

_ROWS: Final = 20

DataOption = Annotated[
    Path,
    typer.Option(
        metavar="DIR", envvar="ATTUNE_DATA",
        help="The data directory of the service, which may be running.",
    ),
]  # fmt: skip

challenger = typer.Typer(
    help="Try another rule book beside the one in force: in its shadow, for a share of customers,"
    " then in its place; one command each way back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@challenger.command()
def start(
    rules: Annotated[Path, typer.Argument(metavar="DIR", help="The challenger's rule book.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it, e.g. autumn.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="It decides unseen. (This is the default.)")
    ] = False,
    share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="It decides for this share of customers, e.g. 0.1."),
    ] = None,
    sample: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of decisions made unseen.")
    ] = 0.1,
    data: DataOption = Path("data"),
) -> None:
    """Begins a challenge: another rule book decides unseen, or for a share of customers.

    In the shadow it decides a sample of what the champion decided, after the
    answer was sent; nothing of that is shown, counted or learned. The running
    service notices within a second.

    Example: attune challenger start rules/autumn --name autumn

    Example: attune challenger start rules/autumn --name autumn --share 0.1
    """
    from engine.challenger.plan import Plan

    if shadow and share is not None:
        raise typer.BadParameter("it is either --shadow or --share", param_hint="--shadow")

    def begun(before: "Plan | None", now: "Micros") -> "Plan":
        if before is not None:
            why = f"{before.name} challenges already: end that first, with `attune challenger stop`"
            raise InvalidInput([Violation("start", why)])
        plan = Plan.started(name, str(rules.absolute()), now, sample)
        return plan if share is None else plan.to_share(share, now)

    _change(data, begun)


@challenger.command()
def share(
    size: Annotated[float, typer.Argument(metavar="SHARE", help="From 0 to 1, e.g. 0.2.")],
    data: DataOption = Path("data"),
) -> None:
    """Has the challenger decide for this share of customers, chosen by lot.

    Who was in a smaller share stays in. Customers in a holdout or an
    experiment stay with the champion. `attune experiments` compares the two.

    Example: attune challenger share 0.2
    """
    _change(data, lambda plan, now: _of(plan).to_share(size, now))


@challenger.command()
def promote(data: DataOption = Path("data")) -> None:
    """Has the challenger decide for everybody: its directory is served in place of the champion's.

    Example: attune challenger promote
    """
    _change(data, lambda plan, now: _of(plan).to_everybody(now))


@challenger.command()
def back(data: DataOption = Path("data")) -> None:
    """Goes one step back: from replaced to the share, to the shadow, to no challenger.

    Example: attune challenger back
    """
    _change(data, lambda plan, _: _of(plan).back())


@challenger.command()
def stop(data: DataOption = Path("data")) -> None:
    """Ends the challenge; the champion decides alone.

    After a promotion that is refused unless the champion's files have become
    the challenger's, so that nothing changes for anybody: to undo a promotion
    there is `attune challenger back`.

    Example: attune challenger stop
    """
    from engine.challenger.plan import Part

    def ended(plan: "Plan | None", _: "Micros") -> None:
        plan = _of(plan)
        if plan.part is Part.REPLACED and not _is_permanent(data, plan):
            why = (
                f"{plan.name} decides for everybody, and the champion's files are others: copy"
                f" those in {plan.rules} over them, or undo the promotion with `attune challenger back`"
            )
            raise InvalidInput([Violation("stop", why)])

    _change(data, ended)


@challenger.command()
def status(
    data: DataOption = Path("data"),
    most: Annotated[
        int, typer.Option(metavar="N", min=1, help="Look at the latest N shadows only.")
    ] = 20_000,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Says how far the challenger has come, and how it differs from the champion.

    In the shadow: how often both offer the same first, what it would offer
    more or less, how long either takes, and what it would earn, estimated
    from what became of the champion's offers. On a share: what both earned.

    Example: attune challenger status --format json
    """
    from engine.challenger.status import status_of
    from engine.challenger.telling import told

    try:
        found = status_of(_directory(data), most)
    except AttuneError as error:
        _fail(error)
    typer.echo(json.dumps(found.to_dict()) if format_ is Format.JSON else told(found))


# --- what the steps have in common --------------------------------------------------------------


def _change(data: Path, step: "Callable[[Plan | None, Micros], Plan | None]") -> None:
    """Takes a step, once it is known that it can be taken, and says what holds from now on."""
    from engine.edges.rules.plan_file import read_plan, write_plan

    try:
        before = read_plan(_directory(data))
        plan = step(before, time.time_ns() // 1_000)
        if plan is not None:
            _look_over(data, plan, is_further=_is_further(before, plan))
        write_plan(data, plan)
    except AttuneError as error:
        _fail(error)
    typer.echo(_told(before, plan))


def _look_over(data: Path, plan: "Plan", *, is_further: bool) -> None:
    """Makes sure that the challenger can play its part; a way back is never barred.

    Raises:
        InvalidInput: it cannot.
    """
    if not is_further:
        return
    from engine.challenger.challenge import obstacles
    from engine.rulebook.loosening import loosened

    book, champion = _loaded(Path(plan.rules)), _champion(data)
    if champion is None:
        return
    why = obstacles(plan.part, champion, book)
    if why:
        raise InvalidInput([Violation(plan.name, each) for each in why])
    _remark(champion, book)
    found = loosened(champion, book)
    for each in found[:_ROWS]:
        typer.echo(f"no longer asked: {each}", err=True)
    if len(found) > _ROWS:
        typer.echo(f"and {len(found) - _ROWS} more: see `attune check --against`", err=True)


def _remark(champion: "RuleBook", book: "RuleBook") -> None:
    from engine.challenger.contender import lacking

    for name in lacking(champion, book):
        typer.echo(f"it has no placement {name}: there the champion decides", err=True)
    if book.version == champion.version:
        typer.echo("its files are those of the champion: it will decide the same", err=True)


def _is_further(before: "Plan | None", plan: "Plan") -> bool:
    """Whether the challenger decides more than it did."""
    return before is None or _reach(plan) > _reach(before)


def _reach(plan: "Plan") -> float:
    from engine.challenger.plan import Part

    return 1.0 if plan.part is Part.REPLACED else plan.share


def _of(plan: "Plan | None") -> "Plan":
    if plan is None:
        raise NotFound(
            "there is no challenger: begin with `attune challenger start DIR --name NAME`"
        )
    return plan


def _told(before: "Plan | None", plan: "Plan | None") -> str:
    """What holds from now on."""
    from engine.challenger.plan import Part

    if plan is None:
        return f"{_of(before).name} does not challenge any more: the champion decides alone"
    match plan.part:
        case Part.SHADOW:
            return (
                f"{plan.name} decides {plan.sample * 100:.3g} % of decisions once more, unseen;"
                " see `attune challenger status`"
            )
        case Part.SHARE:
            return (
                f"{plan.name} decides for {plan.share * 100:.3g} % of customers;"
                " see `attune challenger status`"
            )
        case Part.REPLACED:
            return (
                f"{plan.name} decides for everybody, from {plan.rules}. To make it permanent, copy"
                " its files over the champion's where these are kept, then `attune challenger stop`;"
                " to undo it, `attune challenger back`"
            )


def _is_permanent(data: Path, plan: "Plan") -> bool:
    """Whether the champion's files have become the challenger's."""
    champion, book = _champion(data), _loaded(Path(plan.rules))
    return champion is not None and champion.version == book.version


def _champion(data: Path) -> "RuleBook | None":
    """The champion last in force in a data directory; None if it keeps none that can be read."""
    from engine.challenger.status import champion_of

    return champion_of(data)


def _loaded(rules: Path) -> "RuleBook":
    from engine.rulebook.load import load

    if not rules.is_dir():
        raise InvalidInput([Violation("rules", absence(rules))])
    loaded = load(rules)
    if loaded.book is None:
        typer.echo(mistakes(loaded.diagnostics, rules), err=True)
        raise InvalidInput(
            [Violation("rules", f"{rules} has mistakes: it does not challenge anybody")]
        )
    return loaded.book


def _directory(data: Path) -> Path:
    if not data.is_dir():
        raise NotFound(f"there is no data directory {data}: name the service's with --data DIR")
    return data


def _fail(error: AttuneError) -> NoReturn:
    typer.echo(f"attune challenger: {error}", err=True)
    raise typer.Exit(1)
