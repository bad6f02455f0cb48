"""The command line `attune`: one module for each command, loaded only when it is called."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NoReturn

from engine.errors import AttuneError

if TYPE_CHECKING:  # typer loads inside `main`, where Ctrl-C is heeded
    import typer

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""

COMMANDS: Final = {
    "serve": ("serve", "Run the decision service."),
    "worker": ("worker", "Apply and learn from the log of a cluster."),
    "dead-letter": (
        "dead_letter",
        "See, bring back or discard what a cluster's workers set aside.",
    ),
    "migrate": ("migrate", "Move an embedded service, with all it knows, to a cluster."),
    "weigh": ("weigh", "Say what a cluster's customers take of Redis, and for what."),
    "demo": ("demo", "See the whole loop on this machine in a minute."),
    "decide": ("decide", "Ask a running service what to offer a customer, and why."),
    "record": ("record", "Tell a running service what a customer did."),
    "offers": ("offers", "Take what triggers offered to those who send it."),
    "import": ("import_", "Load customers from CSV or Parquet files."),
    "check": ("check", "Find every mistake in a rule book."),
    "test": ("rehearse", "Run the tests that marketing wrote beside the rules."),
    "explain": (
        "explain",
        "Say why a customer is shown this and not that, or what made a decision.",
    ),
    "replay": ("replay", "Make recorded decisions again, and compare them bit for bit."),
    "schema": ("schema", "Write JSON Schemas, so that an editor completes rule files."),
    "diff": ("diff", "See what changes between two rule books, in words and in people."),
    "simulate": ("simulate", "Say what another rule book would have done and earned."),
    "evaluate": ("evaluate", "Estimate from a log what another policy would have earned."),
    "examples": ("examples", "Tell what customers' responses teach the model, in whatever order."),
    "experiments": ("experiments", "See what rules, levers and model earn, by those held out."),
    "health": ("health", "See how well models and decisions did lately."),
    "fairness": ("fairness", "See whether some customers are offered less than others."),
    "export": ("export", "Write models, predictors and interactions for other tools."),
    "challenger": (
        "challenger",
        "Try another rule book in shadow, on a share, in place, and back.",
    ),
    "bench": ("bench", "Put load on a running service, and see how long customers would wait."),
    "backtest": ("backtest", "See how well Attune would have learned from your data."),
}
"""Each command: its module here, which holds a function (or a `typer.Typer`) of the same name, and a
line of help. A command whose module is not there is left out."""


def main() -> None:
    """Runs the command named on the command line; errors are one clear line, without a traceback."""
    try:
        application(sys.argv[1:])()
    except AttuneError as error:
        _end(str(error), 1)
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)


def application(arguments: Sequence[str]) -> "typer.Typer":
    """The command line with the command the arguments name loaded, and only a line of the others.

    Heavy imports thus cost nobody who does not need them, and a command that cannot be loaded (an
    extra is not installed) fails alone.
    """
    import typer

    app = typer.Typer(
        name="attune",
        help="Attune decides in real time which offers a customer should see, and learns from what they do.",
        epilog="Begin with: attune demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options())
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    for name, (module, summary) in COMMANDS.items():
        where = f"{__name__}.{module}"
        if find_spec(where) is None:
            continue
        if name == wanted:
            _add(app, name, where, module)
        else:
            app.command(name, help=summary)(_listed)
    return app


def _options() -> Callable[..., None]:
    import typer

    def tell_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"attune {_version()}")
            raise typer.Exit

    def attune(
        version: bool = typer.Option(
            False,
            "--version",
            is_eager=True,
            callback=tell_version,
            help="Say which version it is.",
        ),
    ) -> None:
        """Takes what stands before the command."""

    return attune


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("attune")
    except PackageNotFoundError:
        return "(not installed)"


def _listed() -> None:
    """Stands for the commands that are listed but not called."""


def _add(app: "typer.Typer", name: str, where: str, attribute: str) -> None:
    import typer

    try:
        command = getattr(import_module(where), attribute)
    except ImportError as error:
        _end(f"{name} cannot start, because a package it needs is missing: {error}", 2)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


def _end(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"attune: {message}\n")
    sys.exit(code)
