"""Attune as a player: a rule book, the decider and the learner, on the path the service takes."""

from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from benchmarks.regret.world import PLANS, SEGMENTS, World
from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.features import FeatureSchema
from engine.join import exposure_of
from engine.learning.mind import Mind
from engine.model import (
    DAY,
    Customer,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Micros,
    PlacementId,
    Question,
    Response,
)
from engine.propensity import Propensities
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.topology import apply

_HERE: Final = PlacementId("web.hero")
_BEGIN: Final = datetime(2030, 1, 1, tzinfo=UTC)
_START: Final[Micros] = int(_BEGIN.timestamp()) * 1_000_000


class Attune:
    """Decides and learns by a rule book with one action for each of the world's.

    `exploration` is written into the book as it is; None leaves the book without, so that what holds
    is the default. What is offered is reported as shown, and as accepted where it was taken.
    """

    def __init__(
        self, world: World, seed: int, exploration: dict[str, object] | None = None
    ) -> None:
        self._world = world
        self._seed = seed << 32
        self._book = book_of(world, exploration)
        mind = Mind()
        mind.register(FeatureSchema.for_book(self._book).to_dict())
        self._mind = mind
        self._decider = Decider(
            self._book, Propensities.bind(mind.learner, self._book), lambda: 0.0
        )

    def play(self, round_: int) -> int:
        """The action shown in a round, learned from before the next one."""
        customer = self._customer(round_)
        now = _START + int(self._world.days[round_]) * DAY + DAY // 2
        question = Question(customer.customer_id, "web", (_HERE,))
        given = Circumstances(
            DecisionId(f"d{round_}"),
            customer,
            now,
            self._seed + round_,
            Budget(9.0, _no_time),
        )
        decision = self._decider.decide(question, given)
        self._decider.commit(decision)
        action_id = decision.placements[0].offers[0].action_id
        action = int(action_id.removeprefix("a"))
        exposure = exposure_of(decision, customer.customer_id, action_id)
        outcomes = ["impression", "accept"] if self._world.takes(round_, action) else ["impression"]
        for outcome in outcomes:
            response = Response(exposure, outcome, 0.0, self._book.outcomes[outcome])
            event = Event(EventId(outcome), customer.customer_id, now + 1, response)
            lesson = apply(customer, event)
            if lesson is not None:
                self._mind.teach(lesson)
        return action

    def _customer(self, round_: int) -> Customer:
        known = self._world.customers[round_]
        attributes = {f"customer.{name}": value for name, value in known._asdict().items()}
        return Customer(CustomerId(f"c{round_}"), attributes, updated_at=_START)


def book_of(world: World, exploration: dict[str, object] | None) -> RuleBook:
    """The book: an action is valid on the days it is open, and worth 1 when it is accepted."""
    actions = [
        {
            "id": f"a{action}",
            "title": f"Action {action}",
            "group": f"g{group}",
            "value": 1,
            "valid": {"from": _date(world.first[action]), "to": _date(world.last[action])},
            "treatments": [
                {"id": f"a{action}.web", "placement": _HERE, "texts": {"headline": "Hello"}}
            ],
        }
        for action, group in enumerate(world.groups)
    ]
    policies = {
        "issues": {"grow": {}},
        "groups": {f"g{group}": {"issue": "grow"} for group in set(world.groups)},
        "placements": {
            _HERE: {"channel": "web", "texts": {"headline": 9}, "fallback": {"headline": "Welcome"}}
        },
        "outcomes": {"impression": 0, "accept": 1},
        "models": {
            "default": {
                "estimator": "hierarchical_logistic",
                "response_window": "7d",
                "features": ["customer.*"],
            }
        },
    }
    if exploration is not None:
        policies["arbitration"] = {"exploration": exploration}
    files = {
        "attributes.yaml": _written({"attributes": _ATTRIBUTES}),
        "policies.yaml": _written(policies),
        "actions/all.yaml": _written({"actions": actions}),
    }
    loaded = load(files)
    if loaded.book is None:
        raise ValueError("\n".join(map(str, loaded.diagnostics)))
    return loaded.book


_ATTRIBUTES: Final = {
    "customer.segment": {"type": "string", "values": list(SEGMENTS)},
    "customer.plan": {"type": "string", "values": list(PLANS)},
    "customer.region": {"type": "string"},
    "customer.heavy": {"type": "bool"},
    "customer.age": {"type": "int"},
    "customer.tenure": {"type": "int"},
    "customer.spend": {"type": "double"},
    "request.channel": {"type": "string", "values": ["web"]},
}


def _date(day: int) -> str:
    return f"{(_BEGIN + timedelta(days=int(day))).date()}"


def _written(content: object) -> bytes:
    return orjson.dumps(content)


def _no_time() -> float:
    return 0.0
