import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exploration.thompson import Doubt, Doubts, Tables, shares
from engine.learning.evidence import Evidence
from engine.model import ActionId, DecisionId, TrainingExample
from tests.rulebook.builders import action, book

Vector = npt.NDArray[np.float64]


def doubt(
    propensities: list[float], worth: list[float], seen: list[tuple[float, float]]
) -> tuple[Vector, Doubt]:
    """Priorities, and how sure they are by (positives, negatives)."""
    tables = Tables(len(propensities))
    for index, (positives, negatives) in enumerate(seen):
        tables.note(index, positives, negatives)
    known, value = np.array(propensities), np.array(worth)
    return known * value, Doubt(known, value, tables)


def share_of(
    propensities: list[float], worth: list[float], seen: list[tuple[float, float]]
) -> Vector:
    priorities, how_sure = doubt(propensities, worth, seen)
    return shares(priorities, np.arange(len(priorities)), how_sure)


def drawn(propensities: list[float], worth: list[float], seen: list[tuple[float, float]]) -> Vector:
    """The same by the definition: the noise drawn again and again, ties shared."""
    chance = np.random.default_rng(1)
    alpha, beta = np.array(seen).T + 1.0
    noise = chance.beta(alpha, beta, (200_000, len(seen))) - alpha / (alpha + beta)
    worths = np.clip(np.array(propensities) + noise, 0.0, 1.0) * np.array(worth)
    best = worths == worths.max(axis=1, keepdims=True)
    found: Vector = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return found


@pytest.mark.parametrize(
    ("propensities", "worth", "seen"),
    [
        ([0.05, 0.05], [10.0, 10.0], [(0, 0), (0, 0)]),
        ([0.05, 0.04], [10.0, 10.0], [(500, 9_500), (2, 40)]),
        ([0.3, 0.25, 0.02], [1.0, 1.2, 9.0], [(30, 70), (1, 3), (0, 0)]),
        ([0.02, 0.01, 0.01, 0.005], [5.0, 8.0, 1.0, 0.0], [(1, 60), (0, 30), (9, 999), (0, 0)]),
        ([0.9, 0.8, 0.95], [1.0, 1.0, 1.0], [(90, 9), (3, 0), (0, 0)]),
    ],
)
def test_each_is_chosen_as_often_as_it_is_the_best(
    propensities: list[float], worth: list[float], seen: list[tuple[float, float]]
) -> None:
    assert share_of(propensities, worth, seen) == pytest.approx(
        drawn(propensities, worth, seen), abs=0.006
    )


@settings(deadline=None)
@given(st.data())
def test_probabilities_add_up_to_one(data: st.DataObject) -> None:
    worth = data.draw(
        st.lists(st.sampled_from([0.0, 1e-9, 1.0, 50.0, 1e9]), min_size=1, max_size=12)
    )
    chances = st.tuples(st.floats(0, 1), st.floats(0, 1e7), st.floats(0, 1e7))
    drawn_ = [data.draw(chances) for _ in worth]
    known, seen = [p for p, *_ in drawn_], [(pos, neg) for _, pos, neg in drawn_]
    found = share_of(known, worth, seen)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0.0).all()


def test_the_more_is_known_the_less_is_tried_out() -> None:
    young, old = (share_of([0.1, 0.09], [1.0, 1.0], [(n, 9 * n), (n, 10 * n)]) for n in (3, 30_000))
    assert young[0] < 0.6
    assert old[0] > 0.99


def test_who_is_new_gets_a_chance_that_who_is_known_does_not() -> None:
    found = share_of([0.1, 0.05, 0.05], [1.0, 1.0, 1.0], [(1_000, 9_000), (500, 9_500), (0, 0)])
    assert found[1] < 0.001 < 0.2 < found[2]


def test_among_those_surely_worth_nothing_all_are_alike() -> None:
    assert share_of([0.1, 0.5], [0.0, 0.0], [(1, 9), (0, 0)]) == pytest.approx([0.5, 0.5], abs=0.1)


def example(name: str, reward: float) -> TrainingExample:
    return TrainingExample(DecisionId("d"), ActionId(name), "g", "web", "s", [], reward, None)


def test_what_is_learned_of_an_action_changes_how_sure_it_is_at_once() -> None:
    rules, evidence = book(actions=[action("a"), action("b")]), Evidence()
    doubts = Doubts(rules)

    def deviations() -> list[float]:
        return list(doubts.at(evidence).deviation)

    before = deviations()
    evidence.note(example("b", 0.0))
    evidence.note(example("gone", 1.0))
    after = deviations()
    assert after[0] == before[0]
    assert after[1] < before[1]
    assert list(Doubts(rules).at(evidence).deviation) == after
