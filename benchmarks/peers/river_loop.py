"""river in a loop: a logistic regression for each action, asked one after the other."""

from collections.abc import Iterator
from heapq import nlargest
from operator import itemgetter
from typing import Any

from river import linear_model, optim
from river.utils import VectorDict

from benchmarks.peers.contest import Contest
from benchmarks.peers.scoring import SHOWN, WHOLE, WORK, Best, close, scoring
from engine.learn import Learner
from engine.model import ActionId, DecisionId, TrainingExample


def contests() -> Iterator[Contest]:
    """Scoring with the same weights; and learning a response from the same features."""
    work = scoring()
    models = [_model(dict(zip(work.names, row, strict=True))) for row in work.weights.tolist()]
    customers = [
        {name: number for name, number in zip(work.names, row, strict=True) if number}
        | {"shared": logit}
        for row, logit in zip(work.numbers.tolist(), work.shared.tolist(), strict=True)
    ]

    def score(customer: int) -> Best:
        x = customers[customer]
        propensities = [model.predict_proba_one(x)[True] for model in models]
        return nlargest(SHOWN, enumerate(propensities), key=itemgetter(1))

    yield Contest("a loop over river models", WORK, work.kernel, score, close, at_least=30)
    yield Contest("a loop over river models", f"{WORK}; {WHOLE}", work.ours, score, close)

    learner = Learner.restore(work.learner.snapshot())
    learned = _model({})
    action = ActionId("action_0001")
    digest = work.model.features.digest

    def ours(customer: int) -> None:
        learner.learn_one(
            TrainingExample(
                DecisionId(""),
                action,
                "group1",
                "web",
                digest,
                work.raw[customer],
                float(customer % 5 == 0),
                None,
            )
        )

    def theirs(customer: int) -> None:
        learned.learn_one(customers[customer], customer % 5 == 0)

    yield Contest(
        "river's learn_one",
        "a response learned (not compared: Attune teaches three levels, its experts and its watch)",
        ours,
        theirs,
        None,
        at_most=1.5,
    )


def _model(weights: dict[str, float]) -> Any:
    model: Any = linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.05))
    model._weights = VectorDict({**weights, "shared": 1.0})
    return model
