"""Cold start: from the command to ready, with a million customers on disk."""

from collections.abc import Callable

from benchmarks import cold
from benchmarks.targets.target import Outcome, at_most

steps = cold.steps


def outcome(customers: int, step: Callable[[], None]) -> Outcome:
    """Seconds to ready, the median of `benchmarks.cold.STARTS`; the customers are kept for the next run."""
    found = cold.measure(step, customers=customers)
    what = f"cold start to ready, {cold.ACTIONS:,} actions, {customers:,} customers on disk"
    held = f"{found['mebibytes']:,.0f} MiB resident then"
    return at_most(what, found["seconds"], 3.0, "s", held)
