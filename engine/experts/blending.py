"""Learn: what trust makes of opinions. All are linear in the experts' logits, and so is their mixture."""

import math

from engine.experts.loops import Numbers
from engine.experts.rates import RAREST


def rate_of(counts: Numbers) -> float:
    """The logit of the rate so far; `counts` are positives and labels."""
    positives, seen = counts.tolist()
    rate = max(RAREST, min(1.0 - RAREST, positives / seen))
    return math.log(rate / (1.0 - rate))


def blend(guess: float, counts: Numbers, trust: Numbers, stacks: Numbers, mix: Numbers) -> None:
    """Writes to `mix` what each expert's own logit counts for, then the slope, then the offset.

    Arguments are those of `loops.Learn`. Sums are taken term after term, so that
    `engine/native/loops.c` ends in the same bits.
    """
    members = len(mix) - 2
    by_rate, by_mean, *by_stacks = trust[members:].tolist()
    by_mean /= members
    weighed = list(zip(by_stacks, stacks.tolist(), strict=True))
    stacked = 0.0
    for e, share in enumerate(trust[:members].tolist()):
        share += by_mean  # noqa: PLW2901  # one summand after the other
        for by_stack, stack in weighed:
            share += by_stack * stack[e]  # noqa: PLW2901
        mix[e] = share
        stacked += share
    offset = guess * stacked + rate_of(counts) * by_rate
    for by_stack, stack in weighed:
        offset += by_stack * stack[members]
    mix[members:] = stacked + by_rate, offset
