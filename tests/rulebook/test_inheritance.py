"""What an action inherits, what it does without, and in which order its conditions are asked."""

from typing import Any

import pytest

from engine.model import Stage
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load
from tests.rulebook.builders import action, book, files

HIERARCHY: dict[str, Any] = {
    "all_actions": {"suitable_when": {"calm": "!customer.complaint_open"}},
    "issues": {
        "grow": {"lever": 10, "eligible_when": {"grown": "customer.age >= 18"}},
        "retain": {"eligible_when": {"elsewhere": "customer.age >= 21"}},
    },
    "groups": {
        "bundles": {
            "issue": "grow",
            "lever": 20,
            "applicable_when": {"low": "telco.data_used_pct > 50"},
        },
        "save": {"issue": "retain"},
    },
}


def codes(made: RuleBook, index: int = 0) -> list[str]:
    return [made.conditions[c].code for c in made.actions[index].conditions]


def messages(actions: list[dict[str, Any]], policies: dict[str, Any]) -> list[str]:
    found = load(files(actions=actions, policies=policies)).diagnostics
    return [one.message for one in found if one.severity is Severity.ERROR]


def test_conditions_stand_in_the_order_of_the_funnel_and_then_from_wide_to_narrow() -> None:
    own = {
        "eligible_when": {"known": "customer.segment != 'mass'"},
        "suitable_when": {"vip": "customer.segment == 'vip'"},
        "applicable_when": {"agreed": "consent.marketing"},
    }
    made = book(actions=[action("a", **own)], policies=HIERARCHY)
    assert codes(made) == [
        "eligible_when.grown",
        "eligible_when.known",
        "applicable_when.low",
        "suitable_when.calm",
        "suitable_when.vip",
        "applicable_when.agreed",
    ]
    stages = [made.conditions[c].stage for c in made.actions[0].conditions]
    assert stages == sorted(stages)
    assert stages[-1] is Stage.CONSENT_AND_CONTACT


def test_an_inherited_condition_is_one_condition_for_all() -> None:
    made = book(actions=[action("a"), action("b")], policies=HIERARCHY)
    assert made.actions[0].conditions == made.actions[1].conditions
    assert len(made.conditions) == 4


def test_an_action_opts_out_by_name() -> None:
    made = book(actions=[action("a", opt_out=["calm", "grown"])], policies=HIERARCHY)
    assert codes(made) == ["applicable_when.low"]


def test_an_action_may_replace_what_it_opts_out_of() -> None:
    own = {"eligible_when": {"grown": "customer.age >= 16"}, "opt_out": ["grown"]}
    made = book(actions=[action("a", **own)], policies=HIERARCHY)
    grown = [c for c in made.actions[0].conditions if made.conditions[c].name == "grown"]
    assert [made.conditions[c].text for c in grown] == ["customer.age >= 16"]
    assert [made.conditions[c].owner for c in grown] == ["a"]


def test_no_condition_hides_another_of_the_same_name() -> None:
    own = action("a", eligible_when={"grown": "customer.age >= 16"})
    (said,) = messages([own], HIERARCHY)
    assert "'grown' is already a condition of issue 'grow'" in said
    assert "opt out" in said
    same_name_other_test = action("a", suitable_when={"grown": "customer.age >= 16"})
    assert messages([same_name_other_test], HIERARCHY) == []


def test_opting_out_of_what_nobody_declares_is_a_mistake() -> None:
    (said,) = messages([action("a", opt_out=["grownn"])], HIERARCHY)
    assert said == "no condition 'grownn' is inherited. Did you mean 'grown'?"


def test_opting_out_of_what_only_others_inherit_is_remarked_upon() -> None:
    loaded = load(files(actions=[action("a", opt_out=["elsewhere"])], policies=HIERARCHY))
    assert loaded.book is not None
    (remark,) = loaded.diagnostics
    assert remark.severity is Severity.NOTICE
    assert "'elsewhere' is not inherited here" in remark.message


def test_levers_add_up() -> None:
    made = book(actions=[action("a", lever=5), action("b")], policies=HIERARCHY)
    assert made.actions[0].lever == pytest.approx(1.35)
    assert made.actions[1].lever == pytest.approx(1.30)


def test_levers_below_nothing_are_a_mistake() -> None:
    assert messages([action("a", lever=-100)], HIERARCHY) == []
    policies = HIERARCHY | {"issues": {"grow": {"lever": -60}, "retain": {}}}
    said = messages([action("a", lever=-61)], policies)
    assert any("-101 %" in one for one in said)


def test_levels_and_owners_are_told() -> None:
    treatment = {
        "id": "t",
        "placement": "web.hero",
        "when": "customer.age > 1",
        "texts": {"headline": "x"},
    }
    arbitration = {
        "context_weights": [{"when": "customer.age > 60", "group": "save", "weight": 50}],
        "exploration": {"policy": "greedy", "none_when": "customer.age > 90"},
    }
    made = book(
        actions=[action("a", treatments=[treatment])],
        policies=HIERARCHY | {"arbitration": arbitration},
    )
    told = {(c.level, c.owner, c.code, c.stage) for c in made.conditions}
    assert ("all_actions", "", "suitable_when.calm", Stage.SUITABILITY) in told
    assert ("issue", "grow", "eligible_when.grown", Stage.ELIGIBILITY) in told
    assert ("group", "bundles", "applicable_when.low", Stage.APPLICABILITY) in told
    assert ("treatment", "t", "when", Stage.AVAILABILITY) in told
    assert ("arbitration", "", "context_weights", Stage.ARBITRATION) in told
    assert made.arbitration.exploration.none_when is not None
    assert made.conditions[made.arbitration.exploration.none_when].code == "none_when"
    assert not {c for a in made.actions for c in a.conditions} & {
        c.index for c in made.conditions if c.level in {"treatment", "arbitration"}
    }
