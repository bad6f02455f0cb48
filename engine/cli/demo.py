"""`attune demo`: the whole loop on this machine in about a minute."""

import asyncio
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

import engine
from engine.cli import INTERRUPTED
from engine.cli.client import Format, FormatOption, fail
from engine.demo.report import as_json, tell
from engine.demo.run import Plan, play
from engine.demo.screen import screen_for
from engine.errors import AttuneError

_SHIPPED = Path(engine.__file__).parent.parent / "rules" / "telecom"


def demo(
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed is another world of customers and tastes.")
    ] = 1,
    seconds: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="How long customers come by.")
    ] = 45.0,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A telecom rule book.",
            show_default="rules/telecom of the checkout",
        ),
    ] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """See the whole loop on this machine in a minute: decide, respond, learn, decide better.

    Three real services run on the same telecom rule book: one chooses by rules and learned
    propensities, one by rules alone, one at random. Simulated customers, whose tastes no service is
    told, visit the website and call; what they do comes back as responses. The end says by how much
    learning beats the others, and explains three decisions.

    Example: attune demo --seed 7 --seconds 30
    """
    plan = Plan(_book(rules), seed, seconds)
    as_text = format_ is Format.TEXT
    console = Console(stderr=not as_text, markup=False, highlight=False, emoji=False)
    try:
        with screen_for(console, seconds) as screen:
            ledger, stories = asyncio.run(play(plan, screen))
    except (asyncio.CancelledError, KeyboardInterrupt):
        fail("interrupted; the services have been stopped", INTERRUPTED)
    except AttuneError as error:
        fail(str(error), 1)
    if as_text:
        tell(ledger, stories, seconds, console)
    else:
        typer.echo(orjson.dumps(as_json(ledger, seed, seconds)))


def _book(chosen: Path | None) -> Path:
    """The rule book to play on; ends the program if there is none."""
    book = (chosen or _SHIPPED).resolve()
    if not (book / "policies.yaml").is_file():
        what = (
            f"{chosen} is no rule book" if chosen else f"the shipped rule book is not at {_SHIPPED}"
        )
        fail(f"{what} (there is no policies.yaml); name one with --rules DIR", 2)
    return book
