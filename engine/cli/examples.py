"""`attune examples`: what the responses in a data directory teach, and whether the model learned just that."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from engine.cli.client import Format, FormatOption
from engine.errors import AttuneError

if TYPE_CHECKING:
    from engine.codec import Line
    from engine.learning.examples import Example


def examples(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The data directory of a service, running or not.")
    ],
    weights: Annotated[
        bool,
        typer.Option(
            "--weights",
            help="Learn the journal again from empty, and compare with the last checkpoint's weights"
            " and what came after; holds all customers in memory.",
        ),
    ] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Tells what the offers customers saw teach the model in the end.

    One training example for each offer that was seen, with the best reward
    it earned, whichever order its responses arrived in and however often.
    Two journals with the same events, in any order, have the same digest.
    The weights depend on the order, which is that of the journal.

    Example: attune examples --data ~/.attune --weights

    Example: attune examples --data ~/.attune --format json > examples.jsonl
    """
    try:
        from engine.edges.journal.past import past_entries
        from engine.edges.state.names import JOURNAL

        entries = [line for _, line in past_entries(data / JOURNAL)]
        tell = _listed if format_ is Format.JSON else _told
        for line in tell(entries):
            typer.echo(line)
        if weights:
            equal, told = _weights(data)
            typer.echo(told, err=format_ is Format.JSON)
            if not equal:
                raise typer.Exit(1)
    except AttuneError as error:
        typer.echo(f"attune examples: {error}", err=True)
        raise typer.Exit(1) from None


def _found(entries: "list[Line]") -> "list[Example]":
    from engine.learning.examples import examples as examples_in
    from engine.model import Event

    return examples_in(entry for entry in entries if isinstance(entry, Event))


def _listed(entries: "list[Line]") -> Iterator[str]:
    """Each example as a line of JSON, in the order of the decisions."""
    from engine.codec import SchemaNote

    names = {
        entry.digest: [name for name, *_ in entry.document.get("features", ())]
        for entry in entries
        if isinstance(entry, SchemaNote)
    }
    for example in _found(entries):
        yield orjson.dumps(example.to_dict(names)).decode()


def _told(entries: "list[Line]") -> Iterator[str]:
    from engine.learning.examples import digest
    from engine.model import Event, Response

    responses = sum(isinstance(e, Event) and isinstance(e.body, Response) for e in entries)
    found = _found(entries)
    earned = sum(example.reward > 0.0 for example in found)
    yield f"{responses:,} responses teach {len(found):,} examples, {earned:,} of them with a reward."
    yield f"examples {digest(found)}"


def _weights(data: Path) -> tuple[bool, str]:
    """Whether the journal from empty, and the checkpoint with what came after, end in the same weights."""
    from engine.edges.state.rebuild import rebuild, recover
    from engine.learning.mind import Mind

    anew, kept = Mind(), Mind()
    rebuild(data, teach=anew.teach, register=anew.register)
    recover(data, teach=kept.teach, register=kept.register, restore=kept.restore)
    learned, found = anew.learner.weights_digest(), kept.learner.weights_digest()
    told = f"weights  {learned} after {anew.learner.version:,} lessons from empty"
    if learned == found:
        return True, f"{told}; the same from the last checkpoint on"
    return False, f"{told}; from the last checkpoint on they are {found}"
