from collections.abc import Callable, Mapping
from itertools import count

import numpy as np
import pytest

from engine.decide import Decider
from engine.learning.binding import Bound, beginners, bind
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.learning.panel import Panel
from engine.model import ActionId, CustomerId, DecisionId, Step, TrainingExample
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook
from tests.builders import decide
from tests.rulebook.builders import POLICIES, action, book

SUM = "naive_bayes.BernoulliNB"
TREE = "tree.HoeffdingTreeClassifier"
PLENTY: Callable[[], float] = lambda: 1e9  # noqa: E731


def rules(estimator: str = SUM, *, after: int = 10, more: str = "") -> RuleBook:
    """Actions `a`, `b` and `c` under the default model, `x`, `y` and `z` under another."""
    models = (
        "models:\n  default: {features: [customer.*]}\n"
        f"  other: {{for: {{groups: [save]}}, estimator: {estimator}, answers_after: {after},"
        f" features: [customer.age, action.family]{more}}}\n"
    )
    return book(
        policies=POLICIES + models,
        actions=[
            *(action(name) for name in "abc"),
            *(action(name, group="save", attributes={"family": name}) for name in "xyz"),
        ],
    )


def lesson(of: Curriculum, number: int, action_id: str, reward: float) -> TrainingExample:
    features = [20 + number % 50, *[None] * (len(of.schema.features) - 1)]
    group = "save" if action_id in "xyz" else "bundles"
    return TrainingExample(
        DecisionId(f"d{number}"), ActionId(action_id), group, "web", of.digest, features, reward, None
    )  # fmt: skip


def taught(made: RuleBook, lessons: int = 60, likes: Mapping[str, int] | None = None) -> Mind:
    """Every second `x` succeeds and every fifth of all others, unless said otherwise."""
    mind, of = Mind(), Curriculum.for_book(made)
    mind.register(of.to_dict())
    one_in = {"x": 2} if likes is None else likes
    for number in range(lessons):
        for name in "abcxyz":
            reward = float(number % one_in.get(name, 5) == 0)
            mind.teach(lesson(of, number, name, reward))
    return mind


def asked(panel: Bound, channel: str = "web") -> np.ndarray:
    features = [30, *[None] * (len(panel.features.to_dict()["features"]) - 1)]
    return panel.predict(features, channel, np.arange(6))


def test_a_book_with_one_model_is_not_asked_through_a_panel() -> None:
    made = book()
    assert isinstance(bind(Mind(), made), Propensities)


@pytest.mark.parametrize(
    "estimator", [SUM, "linear_model.LogisticRegression", "naive_bayes.MultinomialNB"]
)
def test_a_sum_answers_for_its_own_actions_as_river_does(estimator: str) -> None:
    made = rules(estimator)
    mind = taught(made)
    panel = bind(mind, made)
    assert isinstance(panel, Panel)
    assert not panel.asks_river
    default = Propensities.bind(mind.learner, made)
    seen = panel.features.seen_by_default([30, *[None] * 8])
    found, by_default = asked(panel), default.predict(seen, "web", np.arange(6))
    assert found[:3].tolist() == by_default[:3].tolist()
    learned = mind.estimator(panel.features.courses[0].spec.key)
    assert learned is not None
    for at, name in enumerate("xyz", 3):
        by_river = learned.predict_one([30], "web", name, {"family": name})
        assert found[at] == pytest.approx(by_river, abs=1e-6)
    assert found[3] > found[4]


def test_lessons_count_in_the_next_answer() -> None:
    made = rules()
    mind = taught(made)
    panel = bind(mind, made)
    before = asked(panel)[3]
    of = Curriculum.for_book(made)
    for number in range(1000, 1030):
        mind.teach(lesson(of, number, "x", 1.0))
    assert asked(panel)[3] > before


def test_until_it_has_learned_enough_the_default_model_answers() -> None:
    made = rules(after=61 * 3)
    mind = taught(made)
    panel = bind(mind, made)
    default = Propensities.bind(mind.learner, made)
    by_default = default.predict([30, *[None] * 3], "web", np.arange(6))
    assert asked(panel).tolist() == by_default.tolist()
    of = Curriculum.for_book(made)
    for number in range(1000, 1003):
        mind.teach(lesson(of, number, "z", 0.0))
    later = default.predict([30, *[None] * 3], "web", np.arange(6))
    assert (asked(panel)[3:] != later[3:]).all()


def test_river_is_asked_about_the_candidates_only() -> None:
    made = rules(TREE)
    mind = taught(made)
    panel = bind(mind, made)
    assert isinstance(panel, Panel)
    assert panel.asks_river
    features = [30, *[None] * 8]
    before = panel.predict(features, "web", np.arange(6))
    after = before.copy()
    assert panel.consult(after, features, "web", {0, 3, 4}, PLENTY) == ()
    assert (before != after).nonzero()[0].tolist() == [3, 4]
    learned = mind.estimator(panel.features.courses[0].spec.key)
    assert learned is not None
    assert after[3] == learned.predict_one([30], "web", "x", {"family": "x"})


def test_what_there_is_no_time_for_keeps_the_defaults_propensity_and_says_so() -> None:
    """Those the default model thinks most of are asked about first."""
    made = rules(TREE)
    mind = taught(made, likes={"y": 1, "x": 3, "z": 50})
    panel = bind(mind, made)
    assert isinstance(panel, Panel)
    features = [30, *[None] * 8]
    before = panel.predict(features, "web", np.arange(6))
    order = sorted(range(3, 6), key=lambda at: -before[at])
    steps = count()
    after = before.copy()
    told = panel.consult(after, features, "web", range(6), lambda: 0.010 - 0.004 * next(steps))
    assert [(step, "1 of 3 actions" in text or "2 of 3" in text) for step, text in told] == [
        (Step.PROPENSITY, True)
    ]
    changed = (before != after).nonzero()[0].tolist()
    assert changed == sorted(order[: len(changed)])
    assert 0 < len(changed) < 3
    late = before.copy()
    told = panel.consult(late, features, "web", range(6), lambda: 0.0)
    assert "3 of 3 actions" in told[0].reason
    assert late.tolist() == before.tolist()


def test_a_decision_goes_by_the_models_and_says_what_it_did_without() -> None:
    made = rules(TREE)
    mind = taught(made)
    panel = bind(mind, made)
    assert isinstance(panel, Panel)
    by = Decider(made, panel, lambda: 0.0, consulted=panel)
    whole = decide(made, by=by)
    assert whole.degraded == ()
    assert whole.schema == panel.features.digest
    features = whole.features
    assert features is not None
    found = panel.predict(features, "web", np.arange(6))
    panel.consult(found, features, "web", range(6), PLENTY)
    (contest,) = whole.contests
    assert contest.propensities is not None
    assert contest.propensities[3:].tolist() == found[3:].tolist()
    hurried = decide(made, by=by, left=0.0015)
    assert [step for step, _ in hurried.degraded] == [Step.PROPENSITY]
    assert not hurried.placements[0].fallback
    assert hurried.customer_id == CustomerId("anna")


def test_who_has_not_learned_anything_is_told() -> None:
    made = rules()
    curriculum = Curriculum.for_book(made)
    assert beginners(Mind(), curriculum) == ["other"]
    assert beginners(taught(made, 1), curriculum) == []
