"""The model that learns what actions change: what any learner owes, and what this one is for."""

import copy
from collections.abc import Iterator
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from engine.errors import StorageError
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learn import Learner
from engine.model import ActionId, UpliftLesson
from engine.uplift import online
from engine.uplift.kept import joined, parted
from engine.uplift.online import OnlineUplift

SCHEMA = FeatureSchema(
    (
        Feature("customer.kind", FeatureKind.CATEGORY, ("a", "b")),
        Feature("customer.bill", FeatureKind.NUMBER),
        Feature("customer.vip", FeatureKind.FLAG),
        Feature("request.reason", FeatureKind.CATEGORY),
    )
)


def features(chance: Random, kind: str | None = None) -> list[Any]:
    drawn = chance.choice([*"ab", None])
    return [
        kind or drawn,
        chance.choice([None, chance.lognormvariate(3, 2)]),
        chance.choice([True, False, None]),
        chance.choice(["fee", "move", "more", None]),
    ]


def lesson(
    raw: list[Any],
    treated: bool,
    happened: bool,
    taught: bool | None = None,
    action: str = "save",
) -> UpliftLesson:
    return UpliftLesson(ActionId(action), "churned", treated, SCHEMA.digest, raw, happened, taught)


def lessons(count: int, seed: int = 3, action: str = "save") -> Iterator[UpliftLesson]:
    """Half of people `a` leave, unless they are asked to stay; of the others one in ten, whatever is done.

    One in five is left alone, and outcomes come late for half of all.
    """
    chance = Random(seed)
    for _ in range(count):
        raw, treated = features(chance), chance.random() < 0.8
        leaves = 0.1 if raw[0] != "a" or treated else 0.5
        happened = chance.random() < leaves
        late = chance.random() < 0.5
        yield lesson(raw, treated, happened and not late, action=action)
        if happened and late:
            yield lesson(raw, treated, True, False, action=action)


def taught(*streams: Iterator[UpliftLesson]) -> OnlineUplift:
    uplift = OnlineUplift()
    uplift.register(SCHEMA)
    for stream in streams:
        for one in stream:
            uplift.learn_one(one)
    return uplift


def change(uplift: OnlineUplift, kind: str, action: str = "save") -> float:
    """By how much being treated lowers the mean chance of some people of a kind."""
    chance, found = Random(9), []
    for _ in range(50):
        seen = uplift.see(SCHEMA.digest, features(chance, kind))
        alone, treated = uplift.chances("churned", action, seen)
        found.append(alone - treated)
    return fmean(found)


def state(uplift: OnlineUplift) -> tuple[object, ...]:
    return copy.deepcopy(uplift.state()), *(array.tobytes() for array in uplift.arrays())


# --- what it is for -------------------------------------------------------------------------------


def test_it_tells_whom_an_action_changes() -> None:
    uplift = taught(lessons(6_000))
    assert change(uplift, "a") == pytest.approx(0.4, abs=0.08)
    assert abs(change(uplift, "b")) < 0.04


def test_without_evidence_an_action_changes_nothing() -> None:
    uplift = taught()
    assert change(uplift, "a") == 0.0
    assert uplift.group("churned", "save").pairs == 0.0


def test_after_little_it_is_about_the_same_for_everybody() -> None:
    uplift = taught(lessons(150))
    apart = abs(change(uplift, "a") - change(uplift, "b"))
    assert apart < 0.5 * abs(change(taught(lessons(6_000)), "a"))


def test_a_new_action_starts_from_what_others_change() -> None:
    uplift = taught(lessons(6_000))
    assert change(uplift, "a", "new") > 0.2
    assert abs(change(uplift, "b", "new")) < 0.05
    assert change(uplift, "a", "new") < change(uplift, "a")


def test_the_arms_of_an_action_are_counted_once_for_each_observation() -> None:
    stream = list(lessons(500))
    uplift = taught(iter(stream))
    first = [one.treated for one in stream if one.taught is None]
    group = uplift.group("churned", "save")
    assert (group.treated, group.control) == (sum(first), len(first) - sum(first))
    assert uplift.lessons == len(stream) > len(first)


@pytest.mark.parametrize("treated", [True, False])
def test_a_correction_brings_it_to_where_the_label_would_have(treated: bool) -> None:
    raw = features(Random(1))
    at_once, later = taught(lessons(400)), taught(lessons(400))
    at_once.learn_one(lesson(raw, treated, True))
    later.learn_one(lesson(raw, treated, False))
    later.learn_one(lesson(raw, treated, True, False))
    for one, other in zip(at_once.arrays(), later.arrays(), strict=True):
        assert one == pytest.approx(other, abs=2e-3)


def test_it_only_ever_gets_surer() -> None:
    uplift, spread = taught(), [float("inf")]
    for _, one in zip(range(300), lessons(300), strict=False):
        uplift.learn_one(one)
        covariances = uplift.arrays()[1::2]
        assert all((each == each.T).all() for each in covariances)
        spread.append(sum(float(each.trace()) for each in covariances))
    assert spread == sorted(spread, reverse=True)
    assert all(np.linalg.eigvalsh(each).min() > 0.0 for each in uplift.arrays()[1::2])


# --- what any learner owes ------------------------------------------------------------------------


def test_the_same_lessons_give_the_same_bytes() -> None:
    assert state(taught(lessons(300))) == state(taught(lessons(300)))


def test_it_goes_on_where_a_kept_one_stood() -> None:
    learner = Learner().snapshot()
    whole, before = taught(lessons(300), lessons(200, 4)), taught(lessons(300))
    found, after = parted(joined(learner, before))
    assert found == learner
    assert after is not None
    assert state(after) == state(before)
    for one in lessons(200, 4):
        after.learn_one(one)
    assert state(after) == state(whole)


def test_while_nothing_was_learned_nothing_is_kept() -> None:
    learner = Learner().snapshot()
    assert joined(learner, taught()) == learner
    assert parted(learner) == (learner, None)


def test_a_snapshot_cut_short_is_refused() -> None:
    whole = joined(Learner().snapshot(), taught(lessons(50)))
    for end in range(20, len(whole), 397):
        with pytest.raises(StorageError):
            parted(whole[:end])


def test_chances_are_probabilities_whatever_comes() -> None:
    uplift, chance = taught(lessons(500)), Random(5)
    for bill in (1e300, -1e300, float("inf"), float("nan"), 0, -5, None):
        raw = features(chance)
        raw[1] = bill
        uplift.learn_one(lesson(raw, treated=chance.random() < 0.5, happened=True))
        for each in uplift.chances("churned", "save", uplift.see(SCHEMA.digest, raw)):
            assert 0.0 <= each <= 1.0


def test_features_may_come_and_go() -> None:
    uplift = taught(lessons(500))
    more = FeatureSchema((*SCHEMA.features[:2], Feature("customer.pets", FeatureKind.NUMBER)))
    uplift.register(more)
    before = change(uplift, "a")
    uplift.learn_one(
        UpliftLesson(ActionId("save"), "churned", True, more.digest, ["a", 1.0, 2], False, None)
    )
    assert change(uplift, "a") == pytest.approx(before, abs=0.05)


def test_where_there_are_too_many_columns_they_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "MOST_COLUMNS", 24)
    uplift = taught(lessons(4_000))
    assert uplift.width == 24
    assert change(uplift, "a") > 0.2
    assert abs(change(uplift, "b")) < 0.1


def test_a_lesson_is_not_changed() -> None:
    one = lesson(["a", 1.0, None, "fee"], treated=True, happened=False)
    kept = copy.deepcopy(one)
    taught(iter([one]))
    assert one == kept


def test_a_lesson_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="3 features for a schema of 4"):
        taught(iter([lesson(["a", 1.0, None], treated=True, happened=False)]))
