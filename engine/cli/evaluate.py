"""`attune evaluate`: what another policy would have earned, told from a log of choices."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engine.cli.client import Format, FormatOption
from engine.errors import AttuneError

if TYPE_CHECKING:  # polars and numpy load when the command runs, not with every --help
    import polars as pl

    from engine.evaluation.evaluate import Evaluation
    from engine.evaluation.policies import Policy
    from engine.evaluation.reading import Reading

_POLICIES: Final = ("uniform", "logged")
"""The policies that are no file."""


def evaluate(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG", help="A CSV (may be gzipped) or Parquet file, or a data directory."
        ),
    ],
    policy: Annotated[
        str,
        typer.Option(
            metavar="uniform|logged|FILE",
            help="Every action alike, the policy that wrote the log, or a table of probabilities.",
        ),
    ] = "uniform",
    map_: Annotated[
        str,
        typer.Option(
            "--map",
            metavar="FILE|obd|attune",
            help="Which column is what; found out if the columns have the names of a preset.",
        ),
    ] = "",
    format_: FormatOption = Format.TEXT,
) -> None:
    """Estimates the value of a policy from what another one did, with intervals.

    Every choice of the log needs the probability it was made with; in the
    data directory of a service, running or not, it has. A policy FILE is a table with the columns action and probability, and others of the
    log where the probabilities depend on them. Where the log says too little
    about the policy, nothing is concluded.

    Example: attune evaluate ~/.attune --policy uniform

    Example: attune evaluate clicks.parquet --map clicks.yaml --policy plan.csv --format json
    """
    try:
        reading, chosen = _read(log, policy, map_)
        told = _json if format_ is Format.JSON else _text
        from engine.evaluation.evaluate import evaluate as evaluated

        typer.echo(told(evaluated(reading.log, chosen), chosen, reading))
    except AttuneError as error:
        typer.echo(f"attune evaluate: {error}", err=True)
        raise typer.Exit(1) from None


def _read(log: Path, policy: str, map_: str) -> "tuple[Reading, Policy]":
    from engine.evaluation.mapping import columns_for
    from engine.evaluation.policies import Logged, Uniform
    from engine.evaluation.policy_file import read_policy
    from engine.evaluation.reading import read_log

    table, remarks = _table(log, policy, map_)
    columns = columns_for(table.columns, map_)
    if policy in _POLICIES:
        reading = read_log(table, columns, remarks=remarks)
        return reading, Uniform() if policy == "uniform" else Logged()
    written = read_policy(Path(policy), columns, table.columns)
    reading = read_log(table, columns, written.actions, remarks)
    return reading, written.over(reading)


def _table(log: Path, policy: str, map_: str) -> "tuple[pl.DataFrame, tuple[str, ...]]":
    """The log as a table of the columns that are asked for, and what was left out of it."""
    if log.is_dir():
        from engine.evaluation.decisions import decided

        return decided(log)
    from engine.backtest.table import read_table
    from engine.evaluation.mapping import columns_for

    further = [] if policy in _POLICIES else read_table(Path(policy)).columns

    def wanted(header: Sequence[str]) -> set[str]:
        columns = columns_for(header, map_)
        return {*columns.named, *columns.context_among(header), *further}

    return read_table(log, wanted=wanted), ()


def _text(evaluation: "Evaluation", policy: "Policy", reading: "Reading") -> str:
    from engine.evaluation.telling import conclusion, table

    whose = "" if evaluation.units == evaluation.choices else f" by {evaluation.units:,} customers"
    log = reading.log
    parts = [
        f"{len(log):,} choices among {len(log.names):,} actions{whose};"
        f" the reward model sees {len(reading.features)} features",
        *reading.remarks,
        "",
        table(evaluation),
        "",
        conclusion(evaluation, policy),
    ]
    return "\n".join(parts)


def _json(evaluation: "Evaluation", policy: "Policy", reading: "Reading") -> str:
    from engine.evaluation.telling import conclusion

    report: dict[str, Any] = evaluation.to_dict() | {
        "conclusion": conclusion(evaluation, policy),
        "features": reading.features,
        "remarks": reading.remarks,
    }
    return json.dumps(report)
