"""Loading a book: what it is made of, its version, and that it travels between processes."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from engine.model import DAY, UNKNOWN, PlacementId, Value
from engine.rulebook.book import Kind, RuleBook
from engine.rulebook.declarations import MOST_ATTRIBUTES
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load
from engine.rulebook.report import MOST_ERRORS
from tests.rulebook.builders import ACTIONS, ATTRIBUTES, POLICIES, action, book, files


def errors(**changes: Any) -> list[str]:
    found = load(files(**changes)).diagnostics
    return [str(one) for one in found if one.severity is Severity.ERROR]


def values_of(made: RuleBook, **known: Value) -> list[Value]:
    values: list[Value] = [UNKNOWN] * len(made.attributes)
    for name, value in known.items():
        values[made.index[name.replace("__", ".")]] = value
    return values


def test_the_small_book() -> None:
    made = book()
    assert [a.action_id for a in made.actions] == ["data_5gb", "stay"]
    assert [t.treatment_id for t in made.treatments][:2] == ["data_5gb.web", "data_5gb.web_plain"]
    hero = made.placements[PlacementId("web.hero")]
    assert (hero.channel, hero.slots, hero.texts) == ("web", 2, {"headline": 40})
    assert hero.fallback == {"headline": "Good to see you"}
    assert hero.treatments == (0, 1, 3)
    assert made.channels == ("web", "app", "ivr")
    assert made.issues == ("grow", "retain")
    assert made.groups == {"bundles": "grow", "save": "retain"}
    assert made.outcomes["accept"] == 1
    assert made.outcomes["not_delivered"] is None
    assert made.model.response_window == 7 * DAY
    assert made.arbitration.factors == frozenset("PCVL")
    assert not made.reads_placement
    assert made.notices == ()


def test_conditions_and_selection_work_together() -> None:
    made = book()
    values = values_of(
        made,
        customer__age=30,
        customer__complaint_open=False,
        consent__marketing=True,
        consent__channels=("web",),
        request__channel="web",
        telco__data_used_pct=85.0,
    )
    truths = made.conditions_of(values)
    assert made.select_for[PlacementId("web.hero")](truths, values, 0) == [0, 3]
    values[made.index["telco.data_used_pct"]] = None
    truths = made.conditions_of(values)
    assert made.select_for[PlacementId("web.hero")](truths, values, 0) == [1, 3]
    values[made.index["consent.marketing"]] = UNKNOWN
    assert made.select_for[PlacementId("web.hero")](made.conditions_of(values), values, 0) == []


def test_the_version_names_the_contents() -> None:
    one = book()
    assert one.version == book().version
    assert len(one.version) == 16
    assert one.version != book(policies=POLICIES + "# a remark\n").version


def test_a_directory_and_its_files_are_the_same_book(tmp_path: Path) -> None:
    for path, content in files().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "README.md").write_text("not part of it")
    (tmp_path / ".git").mkdir()
    made = load(tmp_path).book
    assert made is not None
    assert made.version == book().version
    assert made.source == book().source


def test_a_book_travels_between_processes() -> None:
    made = book(actions=[action("a", value="customer.age * 2.0")])
    there = pickle.loads(pickle.dumps(made))
    values = values_of(made, customer__age=30)
    assert there.numbers_of(values) == made.numbers_of(values) == (60.0,)
    assert there.conditions_of(values) == made.conditions_of(values)
    assert there.actions == made.actions
    assert list(there.select_for) == list(made.select_for)
    assert there.treatments[0].render(values) == made.treatments[0].render(values)


def test_a_book_that_asks_for_the_placement_says_so() -> None:
    asks = {"applicable_when": {"home": "request.placement == 'web.hero'"}}
    assert book(actions=[action("a", **asks)]).reads_placement
    assert book(
        actions=[action("a", value="request.placement == 'web.hero' ? 1 : 2")]
    ).reads_placement


def test_numbers_may_be_expressions() -> None:
    made = book(actions=[action("a", value="customer.age * 0.5"), action("b", value=3)])
    assert made.actions[0].value.constant is None
    assert made.actions[0].value.expression == 0
    assert made.actions[1].value.constant == 3.0
    assert made.numbers_of(values_of(made, customer__age=30)) == (15.0,)
    assert made.numbers_of(values_of(made)) == (None,)


def test_attributes_are_declared_with_everything() -> None:
    declared = book(
        attributes={
            "a.range": {"type": "double", "range": [0, 1], "default": 0.5, "max_age": "7d"},
            "a.list": {"type": "list(string)", "values": ["x", "y"], "default": ["y"]},
            "a.when": {"type": "timestamp", "default": "1970-01-02"},
            "a.span": {"type": "duration", "default": "2d"},
            "a.map": {"type": "map(string, double)", "nullable": True},
        }
    ).attributes
    by_name = {attribute.name: attribute for attribute in declared}
    assert by_name["a.range"].default == 0.5
    assert by_name["a.range"].max_age == 7 * DAY
    assert by_name["a.list"].default == ("y",)
    assert by_name["a.when"].default == DAY
    assert by_name["a.span"].default == 2 * DAY
    assert by_name["a.map"].default is None
    assert by_name["a.map"].type.kind is Kind.MAP
    assert by_name["customer.age"].default is UNKNOWN
    assert [attribute.index for attribute in declared] == list(range(len(declared)))


def test_arbitration_is_read() -> None:
    made = book(
        policies={
            "arbitration": {
                "priority": "P * V",
                "context_weights": [
                    {"when": "customer.age > 60", "issue": "retain", "weight": 100},
                    {"when": "customer.age > 70", "action": "data_5gb", "weight": "customer.age"},
                    {"when": "customer.age > 80", "weight": -10},
                ],
                "thresholds": [{"channel": "web", "propensity": 0.01}],
                "exploration": {"policy": "greedy", "gamma": 7},
                "ties": ["value"],
            }
        }
    ).arbitration
    assert made.factors == frozenset("PV")
    assert [weight.actions for weight in made.context_weights] == [(1,), (0,), (0, 1)]
    assert made.context_weights[1].weight.expression == 0
    assert made.thresholds[0].propensity == 0.01
    assert (made.exploration.policy, made.exploration.gamma) == ("greedy", 7.0)
    assert made.ties == ("value", "id")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"attributes": {"customer": {"type": "int"}}}, "'customer' is an attribute itself"),
        ({"attributes": {"x.in": {"type": "int"}}}, "'in' is a word of the condition language"),
        ({"attributes": {"now": {"type": "string"}}}, "'now' is filled by the engine"),
        ({"attributes": {"a": {"type": "int", "default": None}}}, "not nullable"),
        ({"attributes": {"a": {"type": "int", "from": {"event": "e"}}}}, "needs the key 'count'"),
        ({"attributes": {"request.reason": None}, "policies": {"arbitration": {"context_weights": [{"when": "request.reason == 'x'", "weight": 1}]}}}, "request.reason"),
        ({"policies": {"arbitration": {"context_weights": [{"when": "true", "group": "save", "issue": "grow", "weight": 1}]}}}, "name only one of them"),
        ({"policies": {"outcomes": {"accept": "much"}}}, "expected a number, found 'much'"),
        ({"policies": {"models": {"other": {}}}}, "models needs the key 'default'"),
        ({"policies": {"experiments": {"no_levers": 0.6, "propensity_only": 0.6}}}, "add up to 1.2"),
        ({"policies": {"experiments": {"no_levers": 0.1, "period": "fortnight"}}}, "'fortnight' is no period"),
        ({"policies": {"holdouts": {"no_levers": {"share": 0.1, "period": "day", "salt": 1}}}}, "'no_levers' is the name of an experiment"),
        ({"policies": {"holdouts": {"h": {"share": 0.1, "period": "day", "salt": 1, "group": "save", "issue": "grow"}}}}, "name only one of them"),
        ({"policies": {"contact_policies": {"q": {"scope": "all", "between": ["21:00", "08:00"]}}}}, "needs the key 'timezone'"),
        ({"policies": {"contact_policies": {"q": {"scope": "attribute", "count": "click", "at_least": 1, "within": "1d", "pause": "1d"}}}}, "needs the key 'attribute'"),
        ({"policies": {"contact_policies": {"q": {"scope": "all", "subject": "household", "count": "click", "at_least": 1, "within": "1d", "pause": "1d"}}}}, "household.id"),
        ({"actions": [action("a", valid={"since": "2026-01-01"})]}, "unknown key 'since' in valid"),
        ({"actions": [action("a", valid={"from": "2026-01-01", "timezone": "Europe/Dubli"})]}, "Did you mean 'Europe/Dublin'?"),
        ({"actions": [action("a", caps={"pacing": "even"})]}, "caps need one of"),
        ({"actions": [action("a", caps={"per_day": 5, "total": 3})]}, "more a day than in total"),
        ({"actions": [action("a", caps={"budget": {"amount": 5, "currency": "euro", "cost_each": 1}})]}, "expected a currency"),
        ({"actions": [action("a", caps={"budget": {"amount": 5, "currency": "EUR", "cost_each": "customer.agee"}})]}, "customer.agee"),
        ({"actions": [action("a", treatments=[])]}, "needs at least one treatment"),
        ({"actions": [action("a", id="a b")]}, "'a b' is no name"),
        ({"actions": [action("a", value=-1)]}, "at least 0"),
        ({"actions": [action("a", value=float("inf"))]}, "Infinity"),
        ({"actions": [action("a", opt_out=["consent", "consent"])]}, "twice"),
        ({"actions": [action("a", title=5)]}, "expected text, found the number 5: put it in quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(changes: dict[str, Any], expected: str) -> None:
    said = errors(**changes)
    assert any(expected in one for one in said), said


def test_every_file_that_looks_meant_but_is_not_read_is_named() -> None:
    more = {
        "policy.yaml": "a: 1",
        "actions/more.yml": "a: 1",
        "actions/sub/more.yaml": "a: 1",
        "lever.csv": "a",
        "notes.txt": "fine",
        "actions/.more.yaml.swp": "fine",
    }
    assert errors(more=more) == [
        "actions/more.yml:1:1: this file is not read: only actions/*.yaml are",
        "actions/sub/more.yaml:1:1: this file is not read: only actions/*.yaml are",
        "lever.csv:1:1: this file is not part of a rule book. Did you mean 'levers.csv'?",
        "policy.yaml:1:1: this file is not part of a rule book. Did you mean 'policies.yaml'?",
    ]


def test_missing_files_are_named() -> None:
    assert [str(one) for one in load({}).diagnostics] == [
        "actions:1:1: there is no file of actions (actions/*.yaml)",
        "attributes.yaml:1:1: the file is missing",
        "policies.yaml:1:1: the file is missing",
    ]


def test_a_mistake_in_one_file_raises_no_alarm_in_another() -> None:
    broken = POLICIES.replace("bundles: {issue: grow}", "bundles: {issue: grow")
    assert len(errors(policies=broken)) == 1
    misspelt = POLICIES.replace("groups:", "group:")
    assert errors(policies=misspelt) == [
        "policies.yaml:4:1: unknown key 'group' in policies.yaml. Did you mean 'groups'?"
    ]
    lost = ATTRIBUTES.replace("customer.age: {type", "customer.age: {typ e: x: {type")
    assert [one.split(":")[0] for one in errors(attributes=lost)] == ["attributes.yaml"]
    assert errors(actions=ACTIONS.replace("id: stay\n", "id: &stay\n"))[0].startswith("actions/")


def test_places_are_exact_to_the_character() -> None:
    text = ACTIONS.replace("customer.age >= 18", "'customer.agee >= 18'")
    line = text.split("\n").index("      adult: 'customer.agee >= 18'") + 1
    (said,) = errors(actions=text)
    assert said.startswith(f"actions/all.yaml:{line}:15: ")
    assert "Did you mean 'customer.age'?" in said


def test_there_is_an_end_to_reporting_and_declaring() -> None:
    wrong = "\n".join(f"  a{n}: {{type: x{n}}}" for n in range(MOST_ERRORS + 1))
    assert len(errors(attributes=ATTRIBUTES + wrong)) == MOST_ERRORS
    many = "\n".join(f"  a{n}: {{type: int}}" for n in range(MOST_ATTRIBUTES))
    (said,) = errors(attributes=ATTRIBUTES + many)
    assert said == "attributes.yaml:2:3: more than 5000 attributes: declare only what is used"


def test_the_format_document_s_own_book_is_valid() -> None:
    document = Path(__file__).parents[3] / "shared" / "rulebook-format.md"
    if not document.exists():
        pytest.skip("the format document is not beside this repository (../shared)")
    blocks = re.findall(r"```yaml\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    attributes, policies, actions = (block.encode() for block in blocks[:3])
    policies = policies.replace(b"placements: [sms.care]", b"placements: [web.home_hero]")
    loaded = load(
        {"attributes.yaml": attributes, "policies.yaml": policies, "actions/a.yaml": actions}
    )
    assert loaded.book is not None, "\n".join(map(str, loaded.diagnostics))
    assert {a.action_id for a in loaded.book.actions} == {"data_bundle_5gb"}


def test_the_same_text_in_two_places_is_reported_in_both() -> None:
    wrong = {"eligible_when": {"x": "customer.agee > 1"}}
    assert len(errors(actions=[action("a", **wrong), action("b", **wrong)])) == 2


def test_a_number_the_policy_does_not_look_at_is_remarked() -> None:
    loaded = load(
        files(policies={"arbitration": {"exploration": {"policy": "thompson", "gamma": 5}}})
    )
    assert loaded.book is not None
    assert [one.message for one in loaded.diagnostics] == [
        "'gamma' has no effect: the policy is 'thompson'"
    ]


def test_thompson_needs_a_propensity_to_doubt() -> None:
    arbitration = {"priority": "V * L", "exploration": {"policy": "thompson"}}
    loaded = load(files(policies={"arbitration": arbitration}))
    assert [one.message for one in loaded.diagnostics] == [
        "policy 'thompson' doubts P, and the priority leaves P out"
    ]


def test_what_keeps_exploration_in_bounds_is_read() -> None:
    exploration = {
        "policy": "epsilon",
        "epsilon": 0.2,
        "give_up_per_day": 50,
        "untrained": {"positives": 100},
    }
    policies = {"timezone": "Europe/Dublin", "arbitration": {"exploration": exploration}}
    made = book(policies=policies).arbitration.exploration
    assert (made.policy, made.epsilon, made.give_up_per_day) == ("epsilon", 0.2, 50.0)
    assert made.timezone == "Europe/Dublin"
    assert made.untrained is not None
    assert (made.untrained.reach, made.untrained.positives) == (0.02, 100.0)


@pytest.mark.parametrize(
    ("exploration", "gamma"), [({}, None), ({"growth": 0.5}, 50.0), ({"gamma": 7}, 7.0)]
)
def test_without_a_gamma_to_begin_with_or_to_grow_the_evidence_says(
    exploration: dict[str, object], gamma: float | None
) -> None:
    made = book(policies={"arbitration": {"exploration": exploration}}).arbitration.exploration
    assert (made.policy, made.gamma) == ("squarecb", gamma)


def test_a_reward_for_what_was_not_delivered_is_remarked() -> None:
    loaded = load(files(policies={"outcomes": {"impression": 0, "not_delivered": 0}}))
    assert [one.message for one in loaded.diagnostics] == [
        "'not_delivered' teaches nothing, whatever it is worth: write null"
    ]
