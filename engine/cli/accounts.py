"""Accounts of a customer's actions as lines for people and as JSON for programs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import typer

from engine.account import Account, Obstacle
from engine.cli.rehearse import because, reason_as_json
from engine.rulebook.nearest_change import Change
from engine.rulebook.needs import told

_NO_TREATMENT: Final = "availability.no_treatment"


def as_lines(
    accounts: Sequence[Account], rules: Path, *, colour: bool, everybody: bool
) -> Iterator[str]:
    """Placement by placement: who is shown, who passed but is not shown, who is out and why.

    Actions without a treatment for the placement are only listed, and only if `everybody` is told.
    """
    for placement, group in groupby(accounts, attrgetter("placement")):
        here = list(group)
        elsewhere = [account for account in here if _is_elsewhere(account)]
        yield _painted(str(placement), colour, bold=True)
        for account in here:
            if account not in elsewhere or not everybody:
                yield from _account(account, rules, colour)
        if elsewhere and everybody:
            names = ", ".join(sorted(account.action_id for account in elsewhere))
            yield f"  no treatment here: {names}"
        yield ""


def _is_elsewhere(account: Account) -> bool:
    return any(obstacle.reason.code == _NO_TREATMENT for obstacle in account.obstacles)


def _account(account: Account, rules: Path, colour: bool) -> Iterator[str]:
    factors = account.factors
    if factors is not None:
        standing = f"shown #{account.rank}" if account.rank else "not shown"
        reckoned = (
            f"priority {factors.priority:.4g} = P {factors.propensity:.4g} · C {factors.context:.4g}"
            f" · V {factors.value:.4g} · L {factors.lever:.4g}"
        )
        hue = typer.colors.GREEN if account.rank else typer.colors.YELLOW
        yield f"  {_painted(standing, colour, fg=hue)}  {account.action_id}  {reckoned}"
    else:
        yield f"  {_painted('out', colour, fg=typer.colors.RED)}  {account.action_id}"
    if factors is not None:
        yield from (f"      {note}" for note in account.notes)
    for obstacle in account.obstacles:
        yield from _obstacle(obstacle, account, rules)
    if factors is None and not _is_elsewhere(account):
        yield from _entry(account, colour)


def _obstacle(obstacle: Obstacle, account: Account, rules: Path) -> Iterator[str]:
    reason = obstacle.reason
    yield f"      {because(reason)}"
    if reason.saw:
        saw = ", ".join(f"{name} = {value}" for name, value in reason.saw.items())
        yield f"        saw     {saw}"
    if reason.place:
        yield f"        at      {rules / reason.place}"
    if len(account.obstacles) > 1:
        for change in obstacle.changes or ():
            yield f"        change  {change}"


def _entry(account: Account, colour: bool) -> Iterator[str]:
    """The smallest change that lets an action in, one attribute a line."""
    if account.changes is None:
        yield _painted(
            "      no change of this customer was found that lets it in", colour, bold=True
        )
        return
    yield _painted("      smallest change that lets it in:", colour, bold=True)
    for change in account.changes:
        yield _painted(f"        {change}", colour, bold=True)


def _painted(text: str, colour: bool, **style: Any) -> str:
    return typer.style(text, **style) if colour else text


def as_json(account: Account) -> dict[str, Any]:
    """An account; `changes` null where none was found, [] where none is needed."""
    factors = account.factors
    return {
        "placement": account.placement,
        "action": account.action_id,
        "rank": account.rank,
        "factors": None if factors is None else factors._asdict(),
        "reasons": [
            {**reason_as_json(obstacle.reason), "changes": _changes(obstacle.changes)}
            for obstacle in account.obstacles
        ],
        "changes": _changes(account.changes),
        "notes": list(account.notes),
    }


def _changes(changes: Sequence[Change] | None) -> list[dict[str, str]] | None:
    if changes is None:
        return None
    return [
        {
            "attribute": change.attribute.name,
            "is": told(change.attribute, change.before),
            "nearest": told(change.attribute, change.after),
            "needs": change.needs,
        }
        for change in changes
    ]
