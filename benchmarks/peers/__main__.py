"""Attune beside others, at the identical work, in one run; times hold on this machine, ratios travel.

python -m benchmarks.peers [--seconds 2] [--peer river_loop …] [--format json]
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.peers.contest import PEERS, Contest, Timed, compare, contests, timed
from benchmarks.peers.rules import CUSTOMERS


def main() -> None:
    """Compares, times and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for each side of each contest")
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    with Console(stderr=True).status("") as status:
        found, absent = measured(asked.peer, asked.seconds, status.update)
    if asked.format == "json":
        print(json.dumps({"contests": [plain(one) for one in found], "absent": absent}))
        return
    console = Console()
    console.print(_table(found))
    for sentence in absent:
        console.print(sentence, highlight=False)


def measured(
    names: Sequence[str], seconds: float, tell: Callable[[str], None]
) -> tuple[list[Timed], list[str]]:
    """Every contest of these peers, and who is not installed; `tell` hears of each before it begins.

    Raises:
        Different: a peer answers otherwise than Attune.
    """
    found, absent = [], []
    for one in contests(names):
        if not isinstance(one, Contest):
            absent.append(one)
            continue
        tell(f"{one.peer}: {one.work}")
        compare(one, CUSTOMERS)
        found.append(timed(one, CUSTOMERS, seconds))
    return found, absent


def plain(one: Timed) -> dict[str, object]:
    """As JSON has it."""
    return asdict(one) | {"met": one.met}


def _table(found: list[Timed]) -> Table:
    table = Table(title="The identical work, µs a piece")
    table.add_column("peer")
    table.add_column("work")
    for column in ("Attune", "peer's", "peer / Attune", "promised", ""):
        table.add_column(column, justify="right")
    for one in found:
        promised = "" if one.at_least is None else f"≥ {one.at_least:g}"
        if one.at_most is not None:
            promised = f"≥ {1 / one.at_most:.2f}"
        met = {None: "", True: "pass", False: "short"}[one.met]
        table.add_row(
            one.peer, one.work, f"{one.ours * 1e6:,.1f}", f"{one.theirs * 1e6:,.1f}",
            f"{one.ratio:,.2f}", promised, met,
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
