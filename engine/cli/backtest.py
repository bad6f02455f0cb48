"""`attune backtest`: find out what Attune's model would do for one's own data."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer

from engine.cli import uplift
from engine.cli.progress import steps
from engine.errors import AttuneError, InvalidInput, Violation

if TYPE_CHECKING:  # polars, numpy and river load when the command runs, not with every --help
    from collections.abc import Mapping

    import polars as pl

    from engine.backtest.backtest import Report

_SEPARATOR_NAMES = {"\\t": "\t", "tab": "\t"}


def backtest(
    file: Annotated[Path, typer.Argument(help="A CSV (may be gzipped) or Parquet file.")],
    target: Annotated[
        str, typer.Option(metavar="COLUMN=VALUE", help="What counts as success, e.g. Churn=Yes.")
    ],
    action: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column that says which action a row is about."),
    ] = None,
    drop: Annotated[
        str,
        typer.Option(metavar="COLUMNS", help="Columns not to learn from, separated by commas."),
    ] = "",
    sep: Annotated[
        str | None,
        typer.Option(metavar="CHAR", help="The CSV's separator; found out if not given."),
    ] = None,
    estimator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A classifier of river instead, as `models` in a rule book names it.",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            metavar="YAML", help="Its parameters, e.g. '{optimizer: {AdaGrad: {lr: 0.1}}}'."
        ),
    ] = None,
    format: Annotated[  # noqa: A002  # the option's name
        Literal["text", "json"], typer.Option(help="How to print the result.")
    ] = "text",
    treatment: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Who was treated in a randomised campaign, e.g. promotion=Yes: learn uplift.",
        ),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="Who was left alone, if there are several arms; all others if not given.",
        ),
    ] = None,
    value: Annotated[
        float | None, typer.Option(help="What a success is worth; 1 if not given.")
    ] = None,
    cost: Annotated[
        float | None, typer.Option(help="What treating one customer costs; 0 if not given.")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Judge on these customers; if not given, on parts of FILE held out.",
        ),
    ] = None,
) -> None:
    """Predict, then learn, every row of a file in its order, and say how good the predictions were.

    The learner, the encoding and the settings are those that serve. One pass, nothing tuned to the file.

    With --treatment, learn what treating a customer changes (uplift), and
    say on held-out customers how well they are ordered by it (Qini, AUUC) and
    what treating those whom it pays to treat brings: incremental response rate
    (IRR) and net incremental revenue (NIR), with 95 % intervals.

    Example: attune backtest churn.csv --target Churn=Yes --drop customerID

    Example: attune backtest churn.csv --target Churn=Yes --drop customerID
    --estimator linear_model.LogisticRegression --parameters '{optimizer: {AdaGrad: {lr: 0.1}}}'

    Example: attune backtest mail.csv --target buys=1 --treatment mail=yes
    --value 10 --cost 0.15 --test later.csv
    """
    try:
        if treatment is None:
            needing = {"--control": control, "--value": value, "--cost": cost, "--test": test}
            _refuse_without_treatment(
                [name for name, given in needing.items() if given is not None]
            )
            _run(file, target, action, drop, sep, format, _asked(estimator, parameters))
            return
        if estimator is not None or parameters is not None:
            raise InvalidInput(
                [Violation("--estimator", "cannot be given together with --treatment")]
            )
        if action is not None:
            raise InvalidInput([Violation("--action", "cannot be given together with --treatment")])
        table = _read(file, sep)
        others = (test, _read(test, sep)) if test is not None else None
        asked = uplift.Asked(
            target,
            treatment,
            control,
            _names(drop, table.columns),
            value if value is not None else 1.0,
            cost or 0.0,
        )
        uplift.run(table, others, asked, as_json=format == "json")
    except AttuneError as error:
        typer.echo(f"attune backtest: {error}", err=True)
        raise typer.Exit(1) from None


def _asked(estimator: str | None, parameters: str | None) -> "tuple[str, Mapping[str, Any]] | None":
    """The estimator asked for, and its parameters; None for the default model."""
    if estimator is None:
        if parameters is not None:
            raise InvalidInput([Violation("--parameters", "means something with --estimator only")])
        return None
    from engine.rulebook.estimators import asked_for

    return asked_for(estimator, parameters or "{}")


def _run(
    file: Path,
    target: str,
    action: str | None,
    drop: str,
    sep: str | None,
    format_: str,
    asked: "tuple[str, Mapping[str, Any]] | None",
) -> None:
    from engine.backtest import backtest as engine
    from engine.estimators.pupil import ByEstimator

    table = _read(file, sep)
    past = engine.past(table, target, action=action, drop=_names(drop, table.columns))
    with steps("learning", len(past.labels)) as advance:
        report = engine.backtest(past, advance, ByEstimator(past.schema, *asked) if asked else None)
    if format_ == "json":
        typer.echo(orjson.dumps(report.to_dict()).decode())
    else:
        typer.echo(_text(report))


def _refuse_without_treatment(options: list[str]) -> None:
    if options:
        raise InvalidInput(
            [Violation(option, "means something with --treatment only") for option in options]
        )


def _read(file: Path, sep: str | None) -> "pl.DataFrame":
    from engine.backtest.table import read_table

    separator = _SEPARATOR_NAMES.get(sep, sep) if sep is not None else None
    if separator is not None and (len(separator) != 1 or not separator.isascii()):
        raise InvalidInput(
            [Violation("--sep", f"'{sep}' is not one ASCII character, e.g. ';' or tab")]
        )
    return read_table(file, separator)


def _names(drop: str, columns: list[str]) -> list[str]:
    """The columns named, separated by commas; one whose own name has a comma may stand alone."""
    if drop in columns:
        return [drop]
    return [name.strip() for name in drop.split(",") if name.strip()]


def _most_trusted(trusted: "Mapping[str, float]") -> str:
    """The three ways of learning that foresaw this file best."""
    return ", ".join(f"{name} {share:.0%}" for name, share in list(trusted.items())[:3])


def _text(report: "Report") -> str:
    lines = [
        f"{report.rows:,} rows, {len(report.features)} features, learned one by one in file order",
        "",
        f"  ROC AUC        {report.auc:8.4f}   (0.5 is chance)",
        f"  log-loss       {report.log_loss:8.4f}",
        f"  constant rate  {report.constant_log_loss:8.4f}   (log-loss of saying the overall rate each time)",
        f"  time per row   {report.us_per_row:6.0f} µs",
    ]
    if report.trusted:
        lines.append(f"  trusted most   {_most_trusted(report.trusted)}")
    if report.remarks:
        lines += ["", *report.remarks]
    return "\n".join(lines)
