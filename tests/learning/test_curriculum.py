import orjson
import pytest

from engine.features import FeatureSchema
from engine.learning.curriculum import Curriculum
from engine.model import ActionId, DecisionId, TrainingExample
from engine.rulebook.book import RuleBook
from tests.builders import ADULT, NOW, customer
from tests.rulebook.builders import POLICIES, action, book

TREE = "estimator: tree.HoeffdingTreeClassifier"
DEFAULT = "default: {features: [customer.age, customer.segment]}"
SAVE = f"save: {{for: {{groups: [save]}}, {TREE}, features: [customer.age, history.last_outcome]}}"


def with_models(*models: str) -> RuleBook:
    return book(
        policies=POLICIES + "models:\n" + "".join(f"  {one}\n" for one in models),
        actions=[
            action("a", attributes={"family": "data", "size": "5"}),
            action("b", group="save", attributes={"family": "voice"}),
            action("c", group="save"),
        ],
    )


def test_of_a_book_with_one_model_it_is_the_schema_and_named_alike() -> None:
    """So journals written before there were other models are understood as they were."""
    made = with_models(DEFAULT)
    schema, curriculum = FeatureSchema.for_book(made), Curriculum.for_book(made)
    assert curriculum.to_dict() == schema.to_dict()
    assert curriculum.digest == schema.digest
    assert curriculum.default is curriculum.schema


def test_everything_that_any_model_sees_is_read_once() -> None:
    curriculum = Curriculum.for_book(with_models(DEFAULT, SAVE))
    names = ("customer.age", "customer.segment", "history.last_outcome")
    assert curriculum.schema.names == names
    assert curriculum.default.names == names[:2]
    (course,) = curriculum.courses
    assert [feature.name for feature in course.spec.features] == [names[0], names[2]]
    assert course.pick([40, "vip", "click"]) == (40, "click")
    assert curriculum.seen_by_default([40, "vip", "click"]) == (40, "vip")


def test_the_default_model_sees_the_same_with_and_without_others() -> None:
    with_others = Curriculum.for_book(with_models(DEFAULT, SAVE))
    assert with_others.default.digest == Curriculum.for_book(with_models(DEFAULT)).digest


def test_a_lesson_goes_to_the_model_of_its_action_then_of_its_group() -> None:
    one = f"one: {{for: {{actions: [b]}}, {TREE}, features: [customer.age]}}"
    curriculum = Curriculum.for_book(with_models(DEFAULT, SAVE, one))
    assert curriculum.course_of("a", "bundles") is None
    for action_id, name in (("b", "one"), ("c", "save"), ("gone", "save")):
        course = curriculum.course_of(action_id, "save")
        assert course is not None
        assert course.spec.name == name


def test_what_only_has_other_rewards_is_learned_by_the_default_alone() -> None:
    waits = "waits: {for: {actions: [b]}, response_window: 30d}"
    curriculum = Curriculum.for_book(with_models(DEFAULT, SAVE, waits))
    assert curriculum.course_of("b", "save") is None
    assert curriculum.course_of("c", "save") is not None
    assert Curriculum.for_book(with_models(DEFAULT, waits)).courses == ()


def test_the_log_brings_back_all_that_teaching_needs() -> None:
    seen = f"seen: {{for: {{groups: [bundles]}}, {TREE}, features: ['*', action.family]}}"
    curriculum = Curriculum.for_book(with_models(DEFAULT, SAVE, seen))
    again = Curriculum.from_dict(orjson.loads(orjson.dumps(curriculum.to_dict())))
    assert again.digest == curriculum.digest
    assert again.courses == curriculum.courses
    assert again.attributes == {"a": {"family": "data"}, "b": {"family": "voice"}}
    lesson = TrainingExample(
        DecisionId("d"), ActionId("a"), "bundles", "web", curriculum.digest,
        list(range(len(curriculum.schema.features))), 1.0, None,
    )  # fmt: skip
    assert again.for_default(lesson) == curriculum.for_default(lesson)
    assert again.for_default(lesson).schema == curriculum.default.digest


@pytest.mark.parametrize(
    "other",
    [
        f"save: {{for: {{groups: [save]}}, {TREE}, features: [customer.age]}}",
        f"save: {{for: {{groups: [save]}}, {TREE}, parameters: {{grace_period: 9}}, "
        "features: [customer.age, history.last_outcome]}",
        "save: {for: {groups: [save]}, estimator: naive_bayes.BernoulliNB, "
        "features: [customer.age, history.last_outcome]}",
    ],
)
def test_another_estimator_or_parameter_or_feature_is_another_learner(other: str) -> None:
    (before,) = Curriculum.for_book(with_models(DEFAULT, SAVE)).courses
    (after,) = Curriculum.for_book(with_models(DEFAULT, other)).courses
    assert before.spec.key != after.spec.key


def test_the_learner_is_the_same_when_only_its_actions_or_rewards_change() -> None:
    (before,) = Curriculum.for_book(with_models(DEFAULT, SAVE)).courses
    wider = SAVE.replace("groups: [save]", "groups: [save, bundles]")
    wider = wider.replace("features", "answers_after: 3, outcomes: {click: 1}, features")
    (after,) = Curriculum.for_book(with_models(DEFAULT, wider)).courses
    assert before.spec.key == after.spec.key


def test_it_reads_what_its_schema_reads() -> None:
    made = with_models(DEFAULT, SAVE)
    curriculum = Curriculum.for_book(made)
    values = [ADULT.get(attribute.name) for attribute in made.attributes]
    who = customer()
    assert curriculum.read(values, who, NOW) == curriculum.schema.read(values, who, NOW)
