"""Contributions against the propensity that they explain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learning.contributions import ScoreExplainer
from engine.learning.mind import Mind
from engine.model import ActionId, DecisionId, TrainingExample, Value

SCHEMA = FeatureSchema(
    (
        Feature("customer.heavy", FeatureKind.FLAG),
        Feature("customer.age", FeatureKind.NUMBER),
        Feature("customer.plan", FeatureKind.CATEGORY, ("a", "b")),
        Feature("customer.town", FeatureKind.CATEGORY),
        Feature("customer.products", FeatureKind.SET, ("tv", "phone")),
    )
)


def taught(lessons: int = 400) -> Mind:
    """Has learned of two actions in one group; who is heavy takes `bundle`."""
    mind, chance = Mind(), np.random.default_rng(2)
    mind.register(SCHEMA.to_dict())
    for n in range(lessons):
        heavy = bool(chance.integers(2))
        features: list[Value] = [
            heavy,
            int(chance.integers(18, 90)),
            "ab"[n % 2],
            f"town{n % 9}",
            ["tv"][: n % 2],
        ]
        action = ActionId(("bundle", "plan")[n % 2])
        reward = float(heavy and action == "bundle")
        mind.teach(
            TrainingExample(
                DecisionId(f"d{n}"), action, "data", "web", SCHEMA.digest, features, reward, None
            )
        )
    return mind


MIND = taught()
ANNA: tuple[Value, ...] = (True, 40, "a", "town1", [])


@given(
    st.tuples(
        st.none() | st.booleans(),
        st.none() | st.floats(-1e6, 1e6),
        st.sampled_from([None, "a", "b", "c"]),
        st.none() | st.text(max_size=3),
        st.none() | st.lists(st.sampled_from(["tv", "phone", "net"]), max_size=3),
    ),
    st.sampled_from(["bundle", "plan", "new"]),
    st.sampled_from(["data", "other", ""]),
)
def test_the_parts_sum_to_the_logit(features: tuple[Value, ...], action: str, group: str) -> None:
    asked = (SCHEMA.digest, features, action, group, "web")
    told = ScoreExplainer(MIND).contributions(*asked)
    assert told.propensity == pytest.approx(MIND.learner.predict_one(*asked), rel=1e-12)
    assert [part.feature for part in told.parts] == ["", *SCHEMA.names]
    assert [part.value for part in told.parts[1:]] == list(features)


def test_what_decides_comes_first() -> None:
    explainer = ScoreExplainer(MIND)
    asked = (SCHEMA.digest, ANNA, "bundle", "data", "web")
    strongest = explainer.contributions(*asked).strongest(2)
    assert strongest[0].feature == "customer.heavy"
    assert strongest[0].logit > 0
    assert len(strongest) == 2


def test_levels_are_told_apart_and_a_new_action_has_none_of_its_own() -> None:
    explainer = ScoreExplainer(MIND)
    known = explainer.contributions(SCHEMA.digest, ANNA, "bundle", "data", "web")
    new = explainer.contributions(SCHEMA.digest, ANNA, "fresh", "data", "web")
    assert known.levels == ((), ("data",), ("bundle", "web"))
    assert new.levels == ((), ("data",))
    assert [part.by_level[:2] for part in known.parts] == [part.by_level for part in new.parts]


def test_what_was_never_registered_is_refused() -> None:
    with pytest.raises(KeyError):
        ScoreExplainer(MIND).contributions("nothing", (), "a", "g", "web")


def test_learning_on_is_seen() -> None:
    mind = taught(50)
    explainer = ScoreExplainer(mind)
    asked = (SCHEMA.digest, ANNA, "bundle", "data", "web")
    before = explainer.contributions(*asked)
    mind.teach(
        TrainingExample(
            DecisionId("one more"),
            ActionId("new"),
            "new",
            "web",
            SCHEMA.digest,
            asked[1],
            1.0,
            None,
        )
    )
    after = explainer.contributions(*asked)
    assert after.logit > before.logit
    assert after.propensity == pytest.approx(mind.learner.predict_one(*asked), rel=1e-12)
