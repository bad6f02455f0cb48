"""The health of a data directory whose truth is known."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.edges.state.everybody import customer_ids
from engine.health.findings import Finding
from engine.health.health import Health, health
from engine.health.limits import Severity
from engine.health.models import ModelKey, judged
from engine.health.seen import Seen, lessons_in
from engine.health.telling import told
from engine.health.traffic import Traffic
from engine.model import DAY, ActionId
from tests.builders import NOW, decide, question
from tests.health.living import DAYS, NEVER_ASKED, PEOPLE

VISITS = 2_000


@pytest.fixture(scope="module")
def found(data: Path) -> Health:
    return health(data)


def finding(found: Health, code: str) -> Finding:
    [one] = [finding for finding in found.findings if finding.code == code]
    return one


def test_each_model_is_judged_by_its_offers(found: Health) -> None:
    models = {str(model.key.action_id): model for model in found.models}
    assert set(models) == {"young", "plain"}
    assert sum(model.offers for model in models.values()) == VISITS
    assert models["young"].key == ModelKey(ActionId("young"), "web")
    young, plain = models["young"].auc, models["plain"].auc
    assert young is not None
    assert plain is not None
    assert young.low > 0.6
    assert plain.low < 0.5 < plain.high
    assert models["plain"].success.low < 0.3 < models["plain"].success.high


def test_what_moves_a_model_is_what_its_customers_differ_in(found: Health) -> None:
    [young] = [model for model in found.models if model.key.action_id == "young"]
    assert young.importance[0].feature == "customer.age"
    assert young.importance[0].spread > 2 * young.importance[1].spread
    assert found.explained_by.startswith("hierarchical_logistic/")


def test_a_correction_counts_once(data: Path) -> None:
    lessons = lessons_in(data)
    assert len(lessons.offers) == VISITS
    assert {seen.reward for seen in lessons.offers.values()} == {0.0, 1.0}


def test_models_the_book_has_and_nobody_answered_are_silent(found: Health) -> None:
    silent = finding(found, "models_without_responses")
    assert silent.subjects == ("later on web", "minors_only on web")
    assert silent.value == 0.5
    assert silent.severity is Severity.CRITICAL


def test_decisions_are_counted(found: Health) -> None:
    assert found.traffic.decisions == VISITS
    assert finding(found, "no_action.web").value == 0.0
    optionality = finding(found, "optionality.web")
    assert optionality.value == 2.0
    assert optionality.severity is Severity.WARNING
    assert finding(found, "never_served").value == 0.0
    asleep = finding(found, "never_asked")
    assert asleep.value == NEVER_ASKED / PEOPLE


def test_everybody_who_was_ever_told_of_is_known(data: Path) -> None:
    assert len(customer_ids(data)) == PEOPLE


def test_only_the_days_asked_for_count(data: Path, found: Health) -> None:
    late = health(data, since=NOW - 2 * DAY)
    share = 2 / DAYS
    assert late.traffic.decisions == pytest.approx(VISITS * share, abs=2)
    assert len(late.lessons.offers) == late.traffic.decisions
    assert late.traffic.first >= NOW - 2 * DAY
    assert len(found.models[0].days) >= DAYS


def test_trends_compare_whole_days(found: Health) -> None:
    volume = finding(found, "volume_trend")
    assert volume.value == pytest.approx(1.0, abs=0.02)
    assert volume.severity is Severity.GOOD


def test_the_default_model_speaks_for_itself(found: Health) -> None:
    assert found.learner is not None
    assert found.learner.responses == VISITS
    text = told(found)
    assert f"All actions and channels in one: {found.learner.lessons:,} lessons" in text
    assert "It trusts most " in text


def test_as_json_nothing_is_infinite(found: Health) -> None:
    import json

    content = found.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False))["models"]
    assert content["severity"] == "critical"
    assert content["models"][0]["severities"].keys() == {"positives", "auc", "calibration", "drift"}


def test_many_offers_without_a_taker_are_critical_and_few_are_not(data: Path) -> None:
    offers = [replace_reward(seen) for seen in lessons_in(data).offers.values()]
    many = judged(ModelKey(ActionId("young"), "web"), offers[:300], offered=True)
    few = judged(ModelKey(ActionId("young"), "web"), offers[:20], offered=True)
    assert many.severities["positives"] is Severity.CRITICAL
    assert few.severities["positives"] is Severity.WARNING
    assert few.auc is None
    assert few.severities["auc"] is Severity.UNTOLD


def replace_reward(seen: Seen) -> Seen:
    return replace(seen, reward=0.0)


def test_a_holdout_is_not_counted_among_decisions_without_action() -> None:
    from engine.codec import DecisionRecord
    from tests.rulebook.builders import book

    made = decide(book())
    nothing = replace(made, placements=[replace(made.placements[0], offers=[], fallback=True)])
    traffic = Traffic()
    held = replace(nothing, holdout="nobody_asked")
    traffic.note([DecisionRecord(question(), one) for one in (made, nothing, held)])
    assert (traffic.decisions, traffic.held) == (3, 1)
    assert (traffic.channels["web"].decisions, traffic.channels["web"].empty) == (2, 1)
