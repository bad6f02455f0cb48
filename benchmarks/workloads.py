"""One seeded workload for every benchmark: a rule book of N actions and N conditions, and customers."""

import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from engine.edges.grpc.values import write_value
from engine.model import Value
from engine.wire.customer_pb2 import Customer

SLOTS = 10
PLACEMENT = "web.list"
SEGMENTS = ("mass", "premium", "vip")
PLANS = ("S", "M", "L", "XL")
NUMBERS = 20
ALL_ACTIONS = {"applicable_when": {"consent": "consent.marketing"}}
CONTACT_POLICIES = {
    "seldom": {
        "title": "3 impressions in 7 days rest 10 days",
        "scope": "action",
        "subject": "customer",
        "count": "impression",
        "at_least": 3,
        "within": "7d",
        "pause": "10d",
    },
    "after_no": {
        "title": "A no counts for the whole group for 30 days",
        "scope": "group",
        "subject": "customer",
        "count": "reject",
        "at_least": 1,
        "within": "30d",
        "pause": "30d",
    },
}


def write_book(
    directory: Path, actions: int, seed: int = 1, *, contact_policies: bool = False
) -> Path:
    """A book of `actions` actions with a condition each, of which about half pass for a customer.

    Conditions are of the kinds marketing writes (a comparison, a value in a list, a conjunction, a
    missing-safe one); attributes are 20 numbers and 6 others, so that a profile has about 30. With
    `contact_policies` every action rests after three impressions and after a no in its group.
    """
    chance = random.Random(seed)
    (directory / "actions").mkdir(parents=True, exist_ok=True)
    _dump(directory / "attributes.yaml", {"attributes": _attributes()})
    policies = _policies()
    if contact_policies:
        policies["contact_policies"] = CONTACT_POLICIES
        policies["all_actions"] = {**ALL_ACTIONS, "contact_policies": list(CONTACT_POLICIES)}
    _dump(directory / "policies.yaml", policies)
    written = [_action(number, chance) for number in range(actions)]
    _dump(directory / "actions/all.yaml", {"actions": written})
    return directory


def customers(count: int, seed: int = 2) -> Iterator[Customer]:
    """Profiles with every attribute given, as callers send them."""
    for name, attributes in profiles(count, seed):
        customer = Customer(customer_id=name)
        for attribute, value in attributes.items():
            write_value(customer.attributes[attribute], value, None)
        yield customer


def profiles(count: int, seed: int = 2) -> Iterator[tuple[str, dict[str, Value]]]:
    """The same customers: the id and the attributes of each."""
    chance = random.Random(seed)
    for number in range(count):
        attributes: dict[str, Value] = {
            f"usage.n{index}": 100 * chance.random() for index in range(NUMBERS)
        }
        attributes["customer.age"] = chance.randint(18, 90)
        attributes["customer.tenure_months"] = chance.randint(0, 300)
        attributes["customer.segment"] = chance.choice(SEGMENTS)
        attributes["telco.plan"] = chance.choice(PLANS)
        attributes["customer.complaint_open"] = False
        attributes["consent.marketing"] = True
        yield f"customer-{number}", attributes


def _attributes() -> dict[str, object]:
    named: dict[str, object] = {f"usage.n{index}": {"type": "double"} for index in range(NUMBERS)}
    named |= {
        "customer.age": {"type": "int"},
        "customer.tenure_months": {"type": "int"},
        "customer.segment": {"type": "string", "values": list(SEGMENTS)},
        "telco.plan": {"type": "string", "values": list(PLANS)},
        "customer.complaint_open": {"type": "bool", "default": False},
        "consent.marketing": {"type": "bool"},
        "request.channel": {"type": "string", "values": ["web"]},
        "request.reason": {"type": "string", "nullable": True},
        "now": {"type": "timestamp"},
    }
    return named


def _policies() -> dict[str, object]:
    return {
        "issues": {
            "grow": {"title": "Grow", "lever": 0},
            "retain": {"title": "Retain", "lever": 20},
        },
        "groups": {
            f"group{n}": {"issue": ("grow", "retain")[n % 2], "lever": n} for n in range(10)
        },
        "all_actions": ALL_ACTIONS,
        "placements": {
            PLACEMENT: {
                "channel": "web",
                "slots": SLOTS,
                "texts": {"headline": 40, "cta": 18},
                "fallback": {"headline": "Good to see you", "cta": "Help"},
            }
        },
        "arbitration": {
            "priority": "P * C * V * L",
            "context_weights": [
                {"when": 'request.reason == "cancel"', "issue": "retain", "weight": 50}
            ],
            "thresholds": [{"channel": "web", "propensity": 0.0001}],
            "exploration": {"policy": "squarecb", "gamma": 500},
            "ties": ["value", "id"],
        },
        "outcomes": {
            "impression": 0,
            "click": 0.2,
            "accept": 1,
            "reject": 0,
            "not_delivered": None,
        },
        "models": {
            "default": {
                "estimator": "hierarchical_logistic",
                "response_window": "7d",
                "features": ["customer.*", "telco.*", "usage.*", "history.*"],
            }
        },
    }


def _action(number: int, chance: random.Random) -> dict[str, object]:
    return {
        "id": f"action_{number:04d}",
        "title": f"Action {number}",
        "group": f"group{number % 10}",
        "eligible_when": {"fits": _condition(chance)},
        "value": round(chance.uniform(1, 50), 2),
        "lever": chance.randint(0, 20),
        "treatments": [
            {
                "id": f"action_{number:04d}.web",
                "placement": PLACEMENT,
                "texts": {"headline": f"An offer made for you, number {number}", "cta": "Show me"},
            }
        ],
    }


def _condition(chance: random.Random) -> str:
    number = chance.randrange(NUMBERS)
    edge = round(chance.uniform(20, 80), 1)
    return chance.choice(
        [
            f"usage.n{number} >= {edge}",
            f"usage.n{number} < {edge} || customer.tenure_months > {chance.randint(1, 200)}",
            f"customer.age >= {chance.randint(18, 60)} && usage.n{number} > {edge / 2}",
            f'customer.segment in ["{chance.choice(SEGMENTS)}", "{chance.choice(SEGMENTS)}"]',
            f'telco.plan != "{chance.choice(PLANS)}" && !customer.complaint_open',
        ]
    )


def _dump(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=1000))
