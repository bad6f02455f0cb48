import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine.errors import StorageError
from engine.estimators.spec import Spec
from engine.features import FeatureSchema
from engine.learn import Learner
from engine.learning import mind as module
from engine.learning.curriculum import Course, Curriculum
from engine.learning.mind import Mind
from engine.model import ActionId, TrainingExample
from tests.estimators.worlds import ACTIONS, FEATURES, shown

NAMES = ("tree.HoeffdingTreeClassifier", "naive_bayes.BernoulliNB", "linear_model.PAClassifier")


def curriculum(*names: str) -> Curriculum:
    """Each action has a model of its own."""
    courses = tuple(
        Course(Spec(f"model {n}", name, {}, FEATURES, ("family",)), tuple(range(len(FEATURES))))
        for n, name in enumerate(names)
    )
    by_action = dict(zip(ACTIONS, range(len(names)), strict=False))
    return Curriculum(FeatureSchema(FEATURES), None, courses, by_action, {}, ACTIONS)


def lessons(of: Curriculum, count: int, seed: int = 1) -> Iterator[TrainingExample]:
    """Exposures, of which those that succeed do so later."""
    for one in shown(count, seed):
        yield replace(one.lesson(0.0), schema=of.digest)
        if one.reward:
            yield replace(one.lesson(taught=0.0), schema=of.digest)


def taught(of: Curriculum, count: int = 80, seed: int = 1) -> Mind:
    mind = Mind()
    mind.register(of.to_dict())
    for lesson in lessons(of, count, seed):
        mind.teach(lesson)
    return mind


def keys(of: Curriculum) -> list[str]:
    return [course.spec.key for course in of.courses]


def test_every_lesson_teaches_the_default_model_and_the_one_set_over_its_action() -> None:
    of = curriculum(*NAMES)
    mind, alone = taught(of), Learner()
    alone.register(of.default)
    exposures = dict.fromkeys(ACTIONS, 0)
    for lesson in lessons(of, 80):
        alone.learn_one(of.for_default(lesson))
        exposures[lesson.action_id] += lesson.taught is None
    assert mind.learner.weights_digest() == alone.weights_digest()
    for key, count in zip(keys(of), exposures.values(), strict=True):
        estimator = mind.estimator(key)
        assert estimator is not None
        assert estimator.lessons == count


def test_the_same_log_ends_in_the_same_state() -> None:
    of = curriculum(*NAMES)
    assert taught(of).digest() == taught(of).digest()
    assert taught(of).digest() != taught(of, seed=2).digest()
    assert taught(of).digest() != taught(curriculum(*NAMES[:2])).digest()


@pytest.mark.parametrize("names", [(), NAMES])
def test_it_goes_on_from_a_snapshot_as_if_it_had_never_stopped(names: tuple[str, ...]) -> None:
    of = curriculum(*names)
    mind, again = taught(of), Mind()
    again.register(of.to_dict())
    again.restore(mind.snapshot())
    assert again.digest() == mind.digest()
    for lesson in lessons(of, 40, seed=9):
        mind.teach(lesson)
        again.teach(lesson)
    assert again.digest() == mind.digest()
    assert again.snapshot() == again.snapshot()


def test_without_other_models_a_snapshot_is_the_default_models() -> None:
    mind = taught(curriculum())
    assert mind.snapshot() == mind.learner.snapshot()


@pytest.mark.parametrize("cut", [0, 5, 30, -1])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(cut: int) -> None:
    of = curriculum(*NAMES)
    mind = taught(of)
    before, content = mind.digest(), mind.snapshot()
    with pytest.raises(StorageError):
        mind.restore(content[:cut])
    assert mind.digest() == before


def test_a_snapshot_that_holds_something_else_is_refused() -> None:
    """Whoever can write the data directory still cannot have it run what is no part of a model."""
    of = curriculum(NAMES[1])
    content = taught(of).snapshot()
    evil = b"cos\nsystem\n(S'true'\ntR."
    at = content.rindex(b"\x80\x05")
    size = len(content) - at
    with pytest.raises(StorageError):
        Mind().restore(content[:at] + evil.ljust(size, b" "))


def test_a_snapshot_of_another_version_of_river_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    of = curriculum(*NAMES)
    content = taught(of).snapshot()
    monkeypatch.setattr(module, "river_version", lambda: "0.1.0")
    with pytest.raises(StorageError, match=r"this is 0\.1\.0"):
        Mind().restore(content)
    Mind().restore(taught(curriculum()).snapshot())


def test_the_reward_learned_does_not_depend_on_what_was_reported_first() -> None:
    """A click and a purchase in either order teach each estimator the same share of successes."""
    of = curriculum(*NAMES)
    chance = random.Random(4)
    minds = (Mind(), Mind())
    for mind in minds:
        mind.register(of.to_dict())
    for one in shown(60):
        lesson = replace(one.lesson(0.2), schema=of.digest)
        bought = chance.random() < 0.5
        minds[0].teach(lesson)
        if bought:
            minds[0].teach(replace(lesson, reward=1.0, taught=0.2))
        minds[1].teach(replace(lesson, reward=1.0 if bought else 0.2))
    assert minds[0].learner.evidence.of(ActionId("stay"))[:2] == pytest.approx(
        minds[1].learner.evidence.of(ActionId("stay"))[:2]
    )
    for key in keys(of):
        labels = [mind.estimator(key).state[3][True] for mind in minds]  # type: ignore[union-attr]
        assert labels[0] == labels[1]


def test_of_too_many_the_one_taught_the_longest_ago_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ESTIMATORS", 2)
    mind = Mind()
    seen = []
    for n in range(3):
        of = curriculum(NAMES[1])
        spec = replace(of.courses[0].spec, name=f"the {n}th")
        of = replace(of, courses=(replace(of.courses[0], spec=spec),))
        mind.register(of.to_dict())
        for lesson in lessons(of, 20):
            mind.teach(lesson)
        seen.append(spec.key)
    assert [mind.estimator(key) is not None for key in seen] == [False, True, True]


def test_a_lesson_river_refuses_does_not_keep_the_default_from_learning() -> None:
    of = curriculum("naive_bayes.BernoulliNB")
    mind = taught(of, 10)
    before = mind.learner.version
    lesson = next(lessons(of, 1))
    spec = replace(of.courses[0].spec, features=FEATURES[:2])
    broken = replace(of, courses=(replace(of.courses[0], spec=spec),))
    mind.register(broken.to_dict())
    mind.teach(replace(lesson, action_id=ActionId("bundle"), schema=broken.digest))
    assert mind.learner.version == before + 1
