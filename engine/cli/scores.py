"""Why an offer was thought so likely, told to people and programs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from engine.cli.client import Format
from engine.cli.progress import progress
from engine.errors import AttuneError, NotFound

if TYPE_CHECKING:
    from engine.learning.contributions import Contribution
    from engine.model import ActionId, Decision, Value
    from engine.replay.scores import Score
    from engine.rulebook.book import RuleBook

MOST_FEATURES: Final = 8
_UNTOLD: Final = 2
_EQUAL: Final = 1e-9


def explain_scores(
    decision: str, data: Path, rules: Path | None, action: str, format_: Format
) -> None:
    """Prints what made the propensities of a recorded decision: of its offers, or of one action.

    What is not to be had ends the program with status 2.
    """
    from engine.replay.books import KeptBooks
    from engine.replay.finding import named
    from engine.replay.scores import scores

    try:
        [record] = named(data, [decision])
        book = KeptBooks(data, rules)(record.decision.rulebook_version)
        wanted = _wanted(record.decision, book, action)
        with progress("lessons") as advance:
            found = scores(data, record, book, wanted, advance)
    except AttuneError as error:
        typer.echo(f"attune explain: {error}", err=True)
        raise typer.Exit(_UNTOLD) from None
    if format_ is Format.JSON:
        typer.echo(json.dumps([as_json(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        typer.echo("\n".join(as_lines(one)) + "\n")


def _wanted(decision: "Decision", book: "RuleBook", action: str) -> "Sequence[ActionId]":
    """The action asked for, else what was offered."""
    from engine.rulebook.names import Names

    if action:
        problem = Names.of("action", [a.action_id for a in book.actions]).problem(action)
        if problem:
            raise typer.BadParameter(problem, param_hint="--action")
        return [a.action_id for a in book.actions if a.action_id == action]
    placed = (one for one in decision.placements if not one.fallback)
    offered = [offer.action_id for one in placed for offer in one.offers]
    if not offered:
        raise NotFound(f"decision {decision.decision_id} offered nothing: name an --action")
    return offered


def as_lines(score: "Score") -> Iterator[str]:
    """A propensity in words, the features that moved it furthest first."""
    parts = score.parts
    known = score.given if score.recorded is None else score.recorded
    yield f"{score.action_id} on {score.channel}: propensity {known:.2%}"
    strongest = [part for part in parts.strongest(len(parts.parts)) if part.feature]
    if score.exact:
        yield f"  logit {parts.logit:+.3f}, of which for everybody who is asked:"
        base = sum(part.logit for part in parts.parts if not part.feature)
        yield f"  {parts.intercept + base:+8.3f}  to begin with{_levels(parts.levels, _bases(score))}"
    for part in strongest[:MOST_FEATURES]:
        levels = _levels(parts.levels, part.by_level) if score.exact else ""
        yield f"  {part.logit:+8.3f}  {shown(part.feature, part.value)}{levels}"
    rest = strongest[MOST_FEATURES:]
    if rest and score.exact:
        together = sum(part.logit for part in rest)
        yield f"  {together:+8.3f}  by {len(rest)} features more, together"
    yield from _remarks(score)


def shown(feature: str, value: "Value") -> str:
    """A feature and its value in words.

    >>> shown("customer.age", 67), shown("customer.senior", True), shown("customer.town", None)
    ('customer.age 67', 'customer.senior yes', 'customer.town is not known')
    """
    match value:
        case None:
            return f"{feature} is not known"
        case bool():
            return f"{feature} {'yes' if value else 'no'}"
        case float():
            return f"{feature} {value:g}"
        case list() | tuple():
            return f"{feature} {', '.join(map(str, value)) or '(none)'}"
        case _:
            return f"{feature} {value}"


def as_json(score: "Score") -> dict[str, Any]:
    """Everything, as JSON."""
    parts = score.parts
    return {
        "action": score.action_id,
        "channel": score.channel,
        "propensity": score.recorded,
        "explained_propensity": score.given,
        "exact": score.exact,
        "model_version": parts.version,
        "model_is_that_of_the_decision": score.as_decided,
        "intercept": parts.intercept,
        "levels": [" on ".join(level) for level in parts.levels],
        "contributions": [_part_as_json(part) for part in parts.parts],
    }


def _part_as_json(part: "Contribution") -> dict[str, Any]:
    value = list(part.value) if isinstance(part.value, tuple) else part.value
    return {
        "feature": part.feature or None,
        "value": value,
        "logit": part.logit,
        "by_level": list(part.by_level),
    }


def _bases(score: "Score") -> tuple[float, ...]:
    """The base rates by level, with the intercept among everybody's."""
    [base] = [part.by_level for part in score.parts.parts if not part.feature] or [()]
    return tuple(logit + (0 if at else score.parts.intercept) for at, logit in enumerate(base))


def _levels(levels: Iterable[tuple[str, ...]], logits: Iterable[float]) -> str:
    """How much of it is everybody's, the group's and the action's own; nothing if there is one level."""
    told = [
        f"{' on '.join(level) or 'everybody'} {logit:+.3f}"
        for level, logit in zip(levels, logits, strict=True)
    ]
    return f"  ({', '.join(told)})" if len(told) > 1 else ""


def _remarks(score: "Score") -> Iterator[str]:
    if not score.exact:
        yield "  Not exact: this model is no sum. Each figure says how far the logit falls without the feature."
    if score.recorded is not None and abs(score.given - score.recorded) > _EQUAL:
        yield f"  The record says {score.recorded:.4%}, this model {score.given:.4%}."
    if score.as_decided:
        yield f"  By the model that decided, {score.parts.version}."
    else:
        yield (
            f"  By today's model, {score.parts.version}: the journal does not tell the one that decided"
            " any more."
        )
