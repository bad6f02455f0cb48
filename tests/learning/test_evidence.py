import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.learning.evidence import Evidence, Tally
from engine.model import ActionId, DecisionId, TrainingExample


def lesson(action: str, reward: float, taught: float | None = None) -> TrainingExample:
    return TrainingExample(DecisionId("d"), ActionId(action), "g", "web", "s", [], reward, taught)


def noted(*lessons: TrainingExample) -> Evidence:
    evidence = Evidence()
    for one in lessons:
        evidence.note(one)
    return evidence


def test_an_exposure_counts_once_however_its_reward_grows() -> None:
    evidence = noted(lesson("a", 0.0), lesson("a", 0.2, 0.0), lesson("a", 1.0, 0.2))
    tally = evidence.of(ActionId("a"))
    assert tally.exposures == 1
    assert tally.positives == pytest.approx(1.0)
    assert tally.negatives == pytest.approx(0.0)


def test_of_what_was_never_shown_nothing_is_known() -> None:
    assert noted(lesson("a", 1.0)).of(ActionId("b")) == Tally()


def test_who_asks_again_hears_what_changed_since() -> None:
    evidence = noted(lesson("a", 0.0), lesson("b", 0.0), lesson("a", 1.0, 0.0), lesson("c", 0.0))
    assert list(evidence.since(4)) == []
    assert list(evidence.since(2)) == ["c", "a"]
    assert list(evidence.since(0)) == ["c", "a", "b"]


LESSONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0, 1)).map(lambda told: lesson(*told)), max_size=30
)


@given(before=LESSONS, after=LESSONS)
def test_what_was_written_down_goes_on_as_if_nothing_had_happened(
    before: list[TrainingExample], after: list[TrainingExample]
) -> None:
    evidence = noted(*before)
    written = orjson.loads(orjson.dumps(evidence.state()))
    again = Evidence.restore(written, evidence.lessons)
    for one in after:
        evidence.note(one)
        again.note(one)
    assert again.state() == evidence.state()
    assert list(again.since(len(before))) == list(evidence.since(len(before)))
