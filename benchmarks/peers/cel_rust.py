"""The Rust implementation of CEL, by its Python binding (`common-expression-language`)."""

import importlib
from collections.abc import Iterator

from benchmarks.peers.contest import Contest
from benchmarks.peers.rules import WORK, rules


def contests() -> Iterator[Contest]:
    """Each condition a program, and all as one list; on customers made ready for it, and on profiles."""
    cel, work = importlib.import_module("cel"), rules()
    programs = [cel.compile(text) for text in work.texts]
    together = cel.compile(f"[{', '.join(work.texts)}]")
    ready = [cel.Context(variables=known) for known in work.maps]

    def each(customer: int) -> list[object]:
        context = ready[customer]
        return [program.execute(context) for program in programs]

    def at_once(customer: int) -> object:
        return together.execute(ready[customer])

    def from_profile(customer: int) -> object:
        return together.execute(cel.Context(variables=work.maps[customer]))

    yield Contest("CEL in Rust, a program each", WORK, work.ours, each, work.same, at_least=15)
    yield Contest("CEL in Rust, one list", WORK, work.ours, at_once, work.same, at_least=15)
    yield Contest(
        "CEL in Rust, one list",
        f"{WORK} from a profile",
        work.from_profile,
        from_profile,
        work.same,
    )
