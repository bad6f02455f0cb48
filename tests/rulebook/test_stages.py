"""`stages: [active, at_risk]` at every level: a condition like any other, on the declared attribute."""

import pytest

from engine.rulebook.load import load
from engine.rulebook.loosening import Loosened, loosened
from tests.builders import customer, decide, question, trace_of
from tests.rulebook.builders import POLICIES, Change, action, book, files

STAGE = {"customer.stage": {"type": "string", "values": ["prospect", "active", "at_risk", "lost"]}}


def groups(**keys: object) -> dict[str, object]:
    return {"bundles": {"issue": "grow", **keys}, "save": {"issue": "retain"}}


def shown(stage: str | None, actions: Change, policies: Change = POLICIES) -> list[str]:
    rules = book(attributes=STAGE, policies=policies, actions=actions)
    who = customer(customer_stage=stage) if stage else customer()
    return [offer.action_id for offer in decide(rules, who=who).placements[0].offers]


@pytest.mark.parametrize(
    ("stage", "expected"), [("active", ["a"]), ("at_risk", ["a"]), ("lost", [""]), (None, [""])]
)
def test_only_those_in_one_of_the_stages_are_offered_it(
    stage: str | None, expected: list[str]
) -> None:
    assert shown(stage, [action("a", stages=["active", "at_risk"])]) == expected


def test_group_and_action_both_count() -> None:
    policies = {"groups": groups(stages=["active", "at_risk"])}
    actions = [action("a", stages=["at_risk", "lost"])]
    stages = ("active", "at_risk", "lost")
    assert [shown(one, actions, policies) for one in stages] == [[""], ["a"], [""]]


def test_the_reason_names_the_level_and_shows_the_stage() -> None:
    policies = {"groups": groups(stages=["active", "at_risk"])}
    rules = book(attributes=STAGE, policies=policies, actions=[action("a", stages=["at_risk"])])
    decision = decide(rules, question("web.hero", explain=True), customer(customer_stage="lost"))
    (told,) = trace_of(decision).candidates
    assert [(r.code, r.detail, dict(r.saw)) for r in told.reasons] == [
        (
            "applicable_when.group_stages",
            'customer.stage in ["active", "at_risk"]',
            {"customer.stage": "lost"},
        ),
        ("applicable_when.stages", 'customer.stage == "at_risk"', {"customer.stage": "lost"}),
    ]


def test_an_action_may_opt_out_of_its_group_s_stages() -> None:
    policies = {"groups": groups(stages=["active"])}
    assert shown("lost", [action("a", opt_out=["group_stages"])], policies) == ["a"]


def test_the_attribute_may_have_another_name() -> None:
    attributes = {"customer.phase": {"type": "string", "values": ["new", "old"]}}
    rules = book(
        attributes=attributes,
        policies={"stages": "customer.phase"},
        actions=[action("a", stages=["new"])],
    )
    assert not decide(rules, who=customer(customer_phase="new")).placements[0].fallback
    assert decide(rules, who=customer(customer_phase="old")).placements[0].fallback


def test_a_stage_weighs_in_arbitration() -> None:
    weights = [{"stages": ["at_risk"], "group": "save", "weight": 100}]
    greedy = {"policy": "greedy"}
    policies = {"arbitration": {"context_weights": weights, "exploration": greedy}}
    actions = [action("a", value=1.5), action("b", group="save", value=0.8)]
    assert shown("active", actions, policies)[0] == "a"
    assert shown("at_risk", actions, policies)[0] == "b"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"stages": ["activ"]}, "unknown stage 'activ'. Did you mean 'active'?"),
        ({"stages": []}, "the list is empty"),
        ({"stages": "active"}, "expected a list like [a, b], found 'active': write [active]"),
        ({"stages": ["active", "active"]}, "'active' stands in this list twice"),
        (
            {"stages": ["active"], "applicable_when": {"stages": "true"}},
            "'stages' is the name of what 'stages' asks for: name this one otherwise",
        ),
        (
            {"stages": ["active"], "eligible_when": {"gone": 'customer.stage == "lost"'}},
            "no customer can ever get this: nobody meets this together with 'stages' "
            "(actions/all.yaml:1)",
        ),
    ],
)
def test_mistakes(keys: dict[str, object], message: str) -> None:
    found = load(files(attributes=STAGE, actions=[action("a", **keys)])).diagnostics
    assert [one.message for one in found if one.severity == 1] == [message]


@pytest.mark.parametrize(
    ("attributes", "policies", "message"),
    [
        ({}, {}, "unknown attribute 'customer.stage'."),
        (
            {"customer.stage": {"type": "int"}},
            {},
            "the stages are the values of customer.stage: declare it as a string with 'values'",
        ),
        ({}, {"stages": "customer.stag"}, "unknown attribute 'customer.stag'."),
        (
            STAGE,
            {"stages": ["active"]},
            "expected the attribute whose values are the stages, like customer.stage, found a list",
        ),
    ],
)
def test_without_a_declaration_there_are_no_stages(
    attributes: Change, policies: Change, message: str
) -> None:
    actions = [action("a", stages=["active"])]
    found = load(files(attributes=attributes, policies=policies, actions=actions))
    assert found.book is None
    assert any(one.message.startswith(message) for one in found.diagnostics)


def test_a_weight_has_one_condition() -> None:
    weights = [{"stages": ["at_risk"], "when": "true", "weight": 100}]
    policies = {"arbitration": {"context_weights": weights}}
    found = load(files(attributes=STAGE, policies=policies)).diagnostics
    assert "'when' and 'stages': give one of them, or ask for the stage under 'when'" in [
        one.message for one in found
    ]


def test_another_stage_let_in_is_listed() -> None:
    before = book(attributes=STAGE, actions=[action("a", stages=["active"])])
    after = book(attributes=STAGE, actions=[action("a", stages=["active", "lost"])])
    assert [(each.kind, each.name) for each in loosened(before, after)] == [
        (Loosened.CHANGED, "applicable_when.stages")
    ]
