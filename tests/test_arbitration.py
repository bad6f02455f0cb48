import numpy as np
import pytest

from engine.arbitration import Arbiter
from engine.customer import Knowledge
from tests.builders import NOW, customer, question
from tests.rulebook.builders import action, book


def weighed(rules, **context):
    """The arbiter and the merit of each action for a request with this context."""
    asked = question(context={k.replace("_", ".", 1): v for k, v in context.items()})
    values = Knowledge(rules).values(customer(), asked, NOW)
    arbiter = Arbiter(rules)
    return arbiter, arbiter.merit(rules.conditions_of(values), values, NOW)


def arbitration(**keys):
    return {"arbitration": {"priority": "P * C * V * L", **keys}}


def test_levers_of_issue_group_and_action_add_up():
    rules = book(actions=[action("a", group="save", lever=5)])  # 50 + 10 + 5 percent
    _, merit = weighed(rules)
    assert merit.lever[0] == pytest.approx(1.65)


def test_matched_context_weights_add_up_and_others_do_not_count():
    weights = [
        {"when": 'request.reason == "cancel"', "issue": "retain", "weight": 100},
        {"when": "customer.age > 30", "action": "stay", "weight": 50},
        {"when": 'request.reason == "bill"', "issue": "retain", "weight": 900},
    ]
    rules = book(policies=arbitration(context_weights=weights))
    _, merit = weighed(rules, request_reason="cancel")
    assert merit.context.tolist() == pytest.approx([1.0, 2.5])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, [1.4, 1.4, 1.4]),
        ({"issue": "grow"}, [1.4, 1.4, 1.0]),
        ({"group": "bundles"}, [1.4, 1.4, 1.0]),
        ({"group": "save"}, [1.0, 1.0, 1.4]),
        ({"action": "b"}, [1.0, 1.4, 1.0]),
    ],
)
def test_a_context_weight_concerns_an_issue_a_group_an_action_or_all(target, expected):
    weights = [{"when": "customer.age > 30", **target, "weight": 40}]
    rules = book(
        policies=arbitration(context_weights=weights),
        actions=[action("a"), action("b"), action("c", group="save")],
    )
    _, merit = weighed(rules)
    assert merit.context.tolist() == pytest.approx(expected)


def test_an_unknown_context_weight_does_not_count():
    weights = [{"when": "customer.age > 30", "issue": "grow", "weight": 50}]
    rules = book(policies=arbitration(context_weights=weights))
    _, merit = weighed(rules, customer_age=None)
    assert merit.context.tolist() == [1.0, 1.0]


def test_priority_is_the_product():
    rules = book(actions=[action("a", value=4, lever=50)])
    arbiter, merit = weighed(rules)
    factors = arbiter.factors(0, 0.2, merit)
    assert factors == pytest.approx((0.2, 1.0, 4.0, 1.5, 1.2))
    found = arbiter.compete("web", [0], np.array([0.2]), merit)
    assert found.priorities.tolist() == pytest.approx([1.2])


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("P * C * V * L", 1.2), ("C * V * L", 6.0), ("P * V", 0.8), ("P", 0.2)],
)
def test_each_factor_can_be_switched_off(priority, expected):
    rules = book(
        actions=[action("a", value=4, lever=50)], policies={"arbitration": {"priority": priority}}
    )
    arbiter, merit = weighed(rules)
    assert arbiter.factors(0, 0.2, merit).priority == pytest.approx(expected)
    found = arbiter.compete("web", [0], np.array([0.2]), merit)
    assert found.priorities.tolist() == pytest.approx([expected])


def test_a_value_may_be_computed_from_the_customer():
    rules = book(actions=[action("a", value="customer.age * 0.5"), action("b", value=3)])
    _, merit = weighed(rules)
    assert merit.value.tolist() == [20.0, 3.0]


@pytest.mark.parametrize("age", [None, -4])
def test_an_action_whose_value_cannot_be_told_or_is_negative_is_not_admitted(age):
    rules = book(
        attributes={"customer.balance": {"type": "double"}},
        actions=[action("a", value="customer.balance"), action("b", value=3)],
    )
    context = {} if age is None else {"customer_balance": float(age)}
    arbiter, merit = weighed(rules, **context)
    assert arbiter.compete("web", [0, 1], np.array([0.1, 0.1]), merit).actions.tolist() == [1]
    assert arbiter.compete("web", [0, 1], None, merit).actions.tolist() == [1]


def test_the_most_specific_threshold_holds():
    thresholds = [
        {"channel": "web", "propensity": 0.5},
        {"group": "bundles", "propensity": 0.2},
        {"action": "a", "propensity": 0.05},
    ]
    rules = book(
        actions=[action("a"), action("b"), action("c", group="save")],
        policies=arbitration(thresholds=thresholds),
    )
    arbiter, merit = weighed(rules)
    assert [arbiter.floor("web", n) for n in range(3)] == [0.05, 0.2, 0.5]
    found = arbiter.compete("web", [0, 1, 2], np.array([0.1, 0.1, 0.6]), merit)
    assert found.actions.tolist() == [0, 2]
    assert found.ties.tolist() == [merit.ties[0], merit.ties[2]]


def test_no_threshold_is_applied_to_what_the_model_was_not_asked_about():
    rules = book(policies=arbitration(thresholds=[{"channel": "web", "propensity": 0.5}]))
    arbiter, merit = weighed(rules)
    found = arbiter.compete("web", [0, 1], None, merit)
    assert found.actions.tolist() == [rules.treatments[t].action for t in (0, 1)]
    assert found.priorities.tolist() == merit.product[found.actions].tolist()


def test_without_a_threshold_everybody_is_admitted():
    arbiter, merit = weighed(book())
    assert len(arbiter.compete("web", [0, 1], np.array([0.0, 0.0]), merit).actions) == 2


def test_equals_are_ordered_by_value_then_id():
    rules = book(
        actions=[action("c", value=1), action("b", value=2), action("a", value=1)],
        policies=arbitration(ties=["value", "id"]),
    )
    _, merit = weighed(rules)
    assert merit.ties.tolist() == [2, 0, 1]


def test_the_most_specific_least_priority_holds_apart_from_propensities():
    thresholds = [
        {"priority": 1.0},
        {"channel": "web", "priority": 2.0},
        {"group": "save", "priority": 0.25},
        {"action": "b", "propensity": 0.2},
    ]
    rules = book(
        actions=[action("a", value=4), action("b", value=9), action("c", group="save", lever=-60)],
        policies=arbitration(thresholds=thresholds),
    )
    arbiter, merit = weighed(rules)
    assert [arbiter.least_priority("web", n) for n in range(3)] == [2.0, 2.0, 0.25]
    assert [arbiter.least_priority("ivr", n) for n in range(3)] == [1.0, 1.0, 0.25]
    found = arbiter.compete("web", [0, 1, 2], np.array([0.5, 0.3, 0.3]), merit)
    assert found.actions.tolist() == [0, 1, 2]
    found = arbiter.compete("web", [0, 1, 2], np.array([0.49, 0.19, 0.24]), merit)
    assert found.actions.tolist() == []
    assert arbiter.compete("web", [0, 1, 2], None, merit).actions.tolist() == [0, 1, 2]


def test_without_value_in_ties_equals_are_ordered_by_id():
    rules = book(
        actions=[action("c", value=1), action("b", value=2)], policies=arbitration(ties=["id"])
    )
    _, merit = weighed(rules)
    assert merit.ties.tolist() == [1, 0]


def test_weights_never_turn_a_priority_negative():
    weights = [{"when": "customer.age > 30", "issue": "retain", "weight": "customer.age * -5.0"}]
    _, merit = weighed(book(policies=arbitration(context_weights=weights)))
    assert merit.context.tolist() == [1.0, 0.0]
    assert merit.product.tolist()[1] == 0.0
