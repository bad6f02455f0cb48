"""Arrivals: when customers come, whether or not those before them were answered."""

import random
from collections.abc import Iterator

from engine.bench.plan import Plan


def schedule(plan: Plan, part: int) -> Iterator[float]:
    """When the process numbered `part` asks, in seconds from the start of its warm-up.

    The sum of independent Poisson processes is one of the sum of their rates.
    """
    chance = random.Random(f"{plan.seed} {part} arrivals")  # noqa: S311  # a sample, no secret
    return arrivals(plan.rate / plan.processes, plan.warm_up + plan.seconds, chance)


def arrivals(rate: float, seconds: float, chance: random.Random) -> Iterator[float]:
    """Moments of a Poisson process, in seconds from its start, rising, all below `seconds`.

    Gaps are independent and exponential with mean `1 / rate`; `rate` is positive.
    """
    moment = chance.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += chance.expovariate(rate)
