"""Cold start: from the command to ready, with a million customers on disk."""

from collections.abc import Callable
from typing import Final

from benchmarks import cold
from benchmarks.filled import NoRoom
from benchmarks.targets.target import Outcome, at_most

_MOST: Final = 3.0

steps = cold.steps


def outcome(customers: int, step: Callable[[], None]) -> Outcome:
    """Seconds to ready, the median of `benchmarks.cold.STARTS`; the customers are kept for the next run."""
    what = f"cold start to ready, {cold.ACTIONS:,} actions, {customers:,} customers on disk"
    try:
        found = cold.measure(step, customers=customers)
    except NoRoom as full:
        return Outcome(what, f"≤ {_MOST:g} s", remark=f"not measured: {full}")
    held = f"{found['mebibytes']:,.0f} MiB resident then"
    return at_most(what, found["seconds"], _MOST, "s", held)
