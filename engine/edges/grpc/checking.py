"""Checking: a rule book sent as files is loaded in a child process, so that decisions never wait."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from engine.errors import Overloaded
from engine.rulebook.diagnostics import Diagnostic, Severity

_PATIENCE: Final = 60.0

_child = asyncio.Lock()


async def check_files(files: Mapping[str, str]) -> Sequence[Diagnostic]:
    """All mistakes and remarks about the book these files make; one book at a time.

    Raises:
        Overloaded: another book is being checked, or this one takes longer than a minute.
    """
    if _child.locked():
        raise Overloaded("another rule book is being checked", 2.0)
    async with _child:
        answer = await _ask_child(orjson.dumps(files))
    return [
        Diagnostic(file, line, column, message, Severity(severity))
        for file, line, column, message, severity in orjson.loads(answer)
    ]


async def _ask_child(files: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=pipe, stdout=pipe
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            answer, _ = await child.communicate(files)
    except TimeoutError:
        raise Overloaded("the rule book takes more than a minute to check", _PATIENCE) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise RuntimeError(f"the checking child ended with {child.returncode}")
    return answer


def _main() -> None:
    from engine.rulebook.load import load

    files = {path: text.encode() for path, text in orjson.loads(sys.stdin.buffer.read()).items()}
    found = [(d.file, d.line, d.column, d.message, d.severity) for d in load(files).diagnostics]
    sys.stdout.buffer.write(orjson.dumps(found))


if __name__ == "__main__":
    _main()
