"""MABWiser's linear Thompson sampling, with so little chance (alpha 10⁻⁹) that its answer is its estimate."""

import importlib
from collections.abc import Iterator
from heapq import nlargest
from operator import itemgetter

import numpy as np

from benchmarks.peers.contest import Contest
from benchmarks.peers.scoring import CANDIDATES, SHOWN, WORK, Best, about, scoring


def contests() -> Iterator[Contest]:
    """Scoring with the same weights; its sampling is what it does for every prediction."""
    work = scoring()
    contexts = np.column_stack([work.numbers, work.shared])
    arms = list(range(CANDIDATES))
    package = importlib.import_module("mabwiser.mab")
    mab = package.MAB(arms, package.LearningPolicy.LinTS(alpha=1e-9), seed=1)
    repeated = np.resize(np.arange(len(contexts)), CANDIDATES)
    mab.fit(arms, [float(arm % 5 == 0) for arm in arms], contexts[repeated])
    for arm, weights in enumerate(work.weights):
        mab._imp.arm_to_model[arm].beta = np.append(weights, 1.0)

    def score(customer: int) -> Best:
        logits = mab.predict_expectations(contexts[customer : customer + 1])
        best = nlargest(SHOWN, logits.items(), key=itemgetter(1))
        return [(arm, float(1 / (1 + np.exp(-logit)))) for arm, logit in best]

    yield Contest("MABWiser LinTS", WORK, work.kernel, score, about, at_least=100)
