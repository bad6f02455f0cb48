"""The simulated world: people with profiles the firm sees, tastes it does not, and what they do with offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.customer import Knowledge
from engine.demo.arms import arm_of
from engine.demo.population import Person
from engine.demo.tastes import Tastes
from engine.demo.visits import Visit
from engine.model import ActionId, Customer, Micros, PlacementId, Question, Value
from engine.rulebook.book import ActionClass, RuleBook

_CURIOUS: Final = 1.6
_IDLE_CLICKS: Final = 0.02
_SAYS_NO: Final = {"ivr": 0.25, "web": 0.03}

# What the firm's other systems write into the profile once somebody has said yes.
_AFTERWARDS: Final[Mapping[str, Mapping[str, Value]]] = {
    "data_bundle_5gb": {"telco.data_used_pct": 55.0},
    "fibre_upgrade": {"telco.internet": "fibre"},
    "home_security": {"telco.online_security": True, "telco.online_backup": True},
    "streaming_pack": {"telco.streaming_tv": True, "telco.streaming_movies": True},
    "plan_data_rich": {"telco.plan": "XL"},
    "plan_call_rich": {"telco.plan": "call"},
    "annual_contract": {"telco.contract": "one_year"},
    "direct_debit": {"telco.payment_method": "bank_transfer"},
    "device_upgrade": {"telco.device_months": 0},
    "save_right_size": {"telco.plan": "S"},
    "win_back": {"customer.stage": "active"},
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer as a customer meets it."""

    action_id: ActionId
    placement: PlacementId


@dataclass(frozen=True, slots=True)
class Reaction:
    """What somebody did with one offer; `money` is what it brings in, above 0 only for an accept."""

    action_id: ActionId
    outcome: str
    money: float = 0.0


class World:
    """Everybody in the demo. Only profiles and reactions leave it; tastes never do."""

    def __init__(self, people: Sequence[Person], book: RuleBook, seed: int) -> None:
        self.book = book
        self.people = people
        self.arms = [arm_of(person.customer_id, seed) for person in people]
        self._profiles = [dict(person.attributes) for person in people]
        self._taken: list[set[ActionId]] = [set() for _ in people]
        self._notices = {
            a.action_id for a in book.actions if a.action_class is ActionClass.MANDATORY
        }
        families = {a.action_id: a.attributes.get("family", "") for a in book.actions}
        self._tastes = Tastes(seed, families)
        self._appetites = [self._tastes.appetite(p.customer_id, p.attributes) for p in people]
        self._knowledge = Knowledge(book)
        self._actions = {action.action_id: action for action in book.actions}

    def profile(self, person: int) -> Mapping[str, Value]:
        """What the firm may know of somebody: the attributes the book declares, as they are now."""
        return {n: v for n, v in self._profiles[person].items() if n in self.book.index}

    def takes_offers(self, shown: Sequence[Shown]) -> bool:
        """Whether there is anything to say yes to; a mandatory notice is no offer."""
        return any(each.action_id not in self._notices for each in shown)

    def react(self, visit: Visit, shown: Sequence[Shown], now: Micros) -> list[Reaction]:
        """What the visitor does with what is shown, in that order: sees all, takes at most one.

        What somebody has taken they do not take again.
        """
        rng = np.random.default_rng([visit.chance, 5])
        reactions: list[Reaction] = []
        done = False
        for position, each in enumerate(shown):
            reactions.append(Reaction(each.action_id, "impression"))
            if not done:
                outcomes = self._outcomes(visit, each, position, rng)
                done = "accept" in outcomes
                reactions += [self._reaction(visit, each, o, now) for o in outcomes]
        return reactions

    def learn_of(self, person: int, action_id: ActionId) -> Mapping[str, Value]:
        """Notes that somebody has accepted an action; what has changed in their profile."""
        self._taken[person].add(action_id)
        news = _AFTERWARDS.get(action_id, {})
        self._profiles[person].update(news)
        return {name: value for name, value in news.items() if name in self.book.index}

    def _outcomes(
        self, visit: Visit, shown: Shown, position: int, rng: np.random.Generator
    ) -> list[str]:
        likes = self._likes(visit, shown.action_id, position)
        looks, decides, refuses = rng.random(3)
        channel = visit.page.channel
        if channel == "web":
            clicks = min(0.9, _CURIOUS * likes + _IDLE_CLICKS)
            if looks < clicks:
                return ["click", "accept"] if decides < likes / clicks else ["click"]
        elif decides < likes:
            return ["accept"]
        no = "dismiss" if channel == "web" else "reject"
        return [no] if refuses < _SAYS_NO.get(channel, 0.0) else []

    def _likes(self, visit: Visit, action_id: ActionId, position: int) -> float:
        if action_id in self._taken[visit.person] or action_id in self._notices:
            return 0.0
        return self._tastes.chance(
            self._appetites[visit.person], action_id, visit.page.channel, visit.reason, position
        )

    def _reaction(self, visit: Visit, shown: Shown, outcome: str, now: Micros) -> Reaction:
        money = self._margin(visit, shown.action_id, now) if outcome == "accept" else 0.0
        return Reaction(shown.action_id, outcome, money)

    def _margin(self, visit: Visit, action_id: ActionId, now: Micros) -> float:
        """What a yes brings in, by the book's own `value` and the profile: not by any estimate."""
        number = self._actions[action_id].value
        if number.constant is not None or number.expression is None:
            return number.constant or 0.0
        person = self.people[visit.person]
        question = Question(person.customer_id, visit.page.channel, visit.page.placements)
        customer = Customer(person.customer_id, dict(self.profile(visit.person)), updated_at=now)
        values = self._knowledge.values(customer, question, now)
        return self.book.numbers_of(values)[number.expression] or 0.0
