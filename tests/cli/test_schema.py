import json
from pathlib import Path

from typer.testing import CliRunner, Result

from engine.cli import application
from tests.rulebook.builders import files


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(application([command]), [command, *arguments])


def test_schemas_are_written_beside_the_book_and_do_not_change_it(tmp_path: Path) -> None:
    for path, content in files().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    result = run("schema", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "# yaml-language-server: $schema=../.schema/actions.schema.json" in result.stdout
    written = sorted(path.name for path in (tmp_path / ".schema").iterdir())
    assert written == [
        f"{kind}.schema.json" for kind in ("actions", "attributes", "policies", "stop", "tests")
    ]
    schema = json.loads((tmp_path / ".schema/attributes.schema.json").read_text("utf-8"))
    assert schema["properties"]["attributes"]["type"] == "object"
    assert run("check", str(tmp_path)).exit_code == 0


def test_a_book_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("schema", str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "there is no directory" in result.output
