"""Vowpal Wabbit's contextual bandit (`cb_explore_adf`), an example an action, as it wants them.

It has learned from the same customers, and Attune is given what it learned: the logarithm of a softmax
is a sum over the customer's numbers, so that asking for one number at a time tells every weight. Both
must then find the same candidates best, as far apart.
"""

import importlib
from collections.abc import Iterator
from heapq import nlargest
from itertools import pairwise
from math import log
from operator import itemgetter

import numpy as np

from benchmarks.peers.contest import Contest
from benchmarks.peers.scoring import CANDIDATES, SHOWN, WORK, Best, scoring

_LESSONS = 1_500
_TOLERANCE = 1e-3  # of a logit: it reckons in single precision


def contests() -> Iterator[Contest]:
    """Scoring by a model it has learned itself."""
    work = scoring()
    names = [f"f{place}" for place in range(len(work.names))]
    actions = [f"|A a{action}" for action in range(CANDIDATES)]
    vw = importlib.import_module("vowpalwabbit").Workspace(
        "--cb_explore_adf --cb_type dm --softmax --lambda 1 -q UA --ignore_linear U --ignore_linear A"
        " --noconstant -b 22 --quiet --random_seed 1"
    )

    def told(numbers: list[float]) -> str:
        known = [
            f"{name}:{number!r}" for name, number in zip(names, numbers, strict=True) if number
        ]
        return f"shared |U {' '.join(known)}"

    customers = [told(row) for row in work.numbers.tolist()]
    chance = np.random.default_rng(5)
    for lesson in range(_LESSONS):
        taught, cost = lesson % CANDIDATES, -4 * float(chance.random())
        lines = [customers[lesson % len(customers)], *actions]
        lines[1 + taught] = f"0:{cost:.3f}:0.5 {actions[taught]}"
        vw.learn(lines)
    units = np.eye(len(names)).tolist()
    weights = np.column_stack([np.log(vw.predict([told(unit), *actions])) for unit in units])

    def score(customer: int) -> Best:
        shares = vw.predict([customers[customer], *actions])
        return nlargest(SHOWN, enumerate(shares), key=itemgetter(1))

    work = work.another(weights - weights.mean(axis=0))  # what all have in common ranks nobody
    yield Contest("Vowpal Wabbit cb_explore_adf", WORK, work.kernel, score, _same, at_least=20)


def _same(ours: object, theirs: object) -> bool:
    """Whether the best are the same, and each as far from the next, in logits; equals may change places."""
    if not (isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)):
        return False
    our_steps = [_logit(p) - _logit(q) for (_, p), (_, q) in pairwise(ours)]
    their_steps = [log(p / q) for (_, p), (_, q) in pairwise(theirs)]
    near = all(abs(a - b) < _TOLERANCE for a, b in zip(our_steps, their_steps, strict=True))
    clear = ours[0][0] == theirs[0][0] or our_steps[0] < _TOLERANCE
    return near and clear


def _logit(propensity: float) -> float:
    return log(propensity / (1 - propensity))
