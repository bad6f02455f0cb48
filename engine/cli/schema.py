"""`attune schema`: JSON Schemas with which an editor completes and checks rule files while one types."""

import json
from pathlib import Path
from typing import Annotated

import typer

FOLDER = ".schema"


def schema(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The rule book: a directory with policies.yaml.")
    ],
) -> None:
    """Writes JSON Schemas for a rule book's files to DIR/.schema, for editors that know YAML schemas.

    The book's own names (groups, placements, actions, attributes, …) are in them: write them anew
    when these change. `attune check` finds more than a schema can.

    Example: attune schema rules/telecom
    """
    if not directory.is_dir():
        typer.echo(f"attune schema: there is no directory {directory}", err=True)
        raise typer.Exit(2)
    from engine.rulebook.schema import FILES, schemas

    target = directory / FOLDER
    try:
        target.mkdir(exist_ok=True)
        for kind, one in schemas(directory).items():
            text = json.dumps(one, indent=1, ensure_ascii=False) + "\n"
            (target / f"{kind}.schema.json").write_text(text, "utf-8")
    except OSError as error:
        typer.echo(f"attune schema: cannot write {target}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{target}: {len(FILES)} schemas written. Begin each file with its line:")
    for kind, sample in FILES.items():
        up = "../" * sample.count("/")
        files = sample.replace("all", "*")
        typer.echo(f"  {files:<16} # yaml-language-server: $schema={up}{FOLDER}/{kind}.schema.json")
