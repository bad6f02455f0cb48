"""What the simulated customers want: hidden from the engine, which only ever sees what they do.

How a taste is made, so that anybody can judge whether the demo is fair:

1. **Traits.** From a profile come seven leanings (screens, thrift, worry, ease, bond, talk, novelty),
   several of which need two or three attributes together: children *and* fibre make a household of
   screens, age *and* broadband make one that worries, years with us count for little while a
   complaint is open. Each person adds a part of their own that no attribute shows.
2. **Families.** What an offer is about (the `family` written beside each action in the rule book)
   appeals to some traits and puts off others, and asks for more or less: a present is taken by
   nearly half, a year's contract by few. A family nobody has described here gets random weights.
3. **The world of a seed.** Every weight is then shifted at random, so that each seed is a different
   world: no rule book and no engine could be written for all of them.
4. **The moment.** Why somebody came (`request.reason`), the channel and the place on the page matter.

All arms face the same customers with the same tastes. Nothing here reads marketing's values,
levers or conditions. What is not lifelike: people here say yes perhaps five times as often as real
ones, so that a minute is enough to see something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, log
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.model import ActionId, Value

Numbers = npt.NDArray[np.float64]

TRAITS: Final = ("screens", "thrift", "worry", "ease", "bond", "talk", "novelty")
_QUIRK: Final = 0.3
_APPEAL: Final = 1.7

# What each family asks (the log-odds of a yes from somebody average) and whom it appeals to.
_FAMILIES: Final[Mapping[str, tuple[float, Mapping[str, float]]]] = {
    "onboarding": (-1.0, {"ease": -0.5, "worry": 0.4}),
    "topup": (-1.1, {"thrift": 0.7}),
    "birthday": (-0.3, {"bond": 0.4}),
    "apology": (-0.5, {"bond": 0.3}),
    "business": (-2.2, {"bond": 0.8, "ease": -0.4}),
    "data": (-1.6, {"screens": 1.0, "thrift": -0.4, "talk": -0.3}),
    "broadband": (-2.5, {"screens": 0.9, "ease": 0.7, "thrift": -0.4}),
    "security": (-2.3, {"worry": 1.3, "thrift": -0.5, "ease": -0.2}),
    "entertainment": (-2.2, {"screens": 1.1, "novelty": 0.4, "thrift": -0.5}),
    "voice": (-1.7, {"talk": 1.1, "ease": -0.5, "screens": -0.6}),
    "household": (-2.5, {"thrift": 0.8, "bond": 0.5, "talk": 0.3}),
    "contract": (-2.8, {"bond": 1.0, "thrift": 0.8, "novelty": -0.7}),
    "payment": (-1.9, {"ease": 0.9, "thrift": 0.5, "worry": -0.6}),
    "handset": (-2.4, {"novelty": 1.2, "screens": 0.4, "thrift": -0.5}),
    "price": (-1.8, {"thrift": 1.1, "bond": 0.4}),
    "pause": (-2.2, {"novelty": 0.5, "bond": -0.3, "thrift": 0.4}),
}
_UNDESCRIBED: Final = -2.2

_BY_REASON: Final[Mapping[str, Mapping[str, float]]] = {
    "cancel": {"price": 1.3, "pause": 0.9, "contract": -0.4, "*": -1.2},
    "bill": {"payment": 0.7, "contract": 0.5, "price": 0.4, "*": -0.2},
    "upgrade": {"handset": 0.8, "broadband": 0.6, "data": 0.5, "household": 0.3},
    "travel": {"data": 0.6, "voice": 0.3, "*": -0.2},
    "fault": {"apology": 0.8, "*": -0.8},
}
_ATTENTION: Final = (1.0, 0.55, 0.4, 0.3)


@dataclass(frozen=True, slots=True)
class Appetite:
    """How one person leans: one number for each of `TRAITS`, about -2 to 2."""

    traits: Numbers
    ease: float


class Tastes:
    """The true chances of a yes in one seed's world."""

    def __init__(self, seed: int, families: Mapping[ActionId, str]) -> None:
        """`families` says what each action is about, by action id; "" where nobody wrote it down."""
        self._seed = seed
        self._asks: dict[ActionId, float] = {}
        self._weights: dict[ActionId, Numbers] = {}
        self._family = dict(families)
        for action_id, family in families.items():
            rng = np.random.default_rng([seed, 2, _number(action_id)])
            self._asks[action_id], self._weights[action_id] = _world(family, rng)

    def appetite(self, customer_id: str, attributes: Mapping[str, Value]) -> Appetite:
        """What somebody leans to: what their profile suggests, and a part that is theirs alone."""
        rng = np.random.default_rng([self._seed, 3, _number(customer_id)])
        traits = _suggested(attributes) + rng.normal(0.0, _QUIRK, len(TRAITS))
        return Appetite(traits, float(traits[TRAITS.index("ease")]))

    def chance(
        self, appetite: Appetite, action_id: ActionId, channel: str, reason: str, position: int
    ) -> float:
        """The probability in (0, 1) that they take this offer, shown at this place (from 0) of a page."""
        logit = self._asks[action_id] + float(self._weights[action_id] @ appetite.traits)
        by_family = _BY_REASON.get(reason, {})
        logit += by_family.get(self._family[action_id], by_family.get("*", 0.0))
        logit += 0.35 * appetite.ease if channel == "web" else -0.2 - 0.35 * appetite.ease
        return _ATTENTION[min(position, len(_ATTENTION) - 1)] / (1.0 + exp(-logit))


def _world(family: str, rng: np.random.Generator) -> tuple[float, Numbers]:
    """What an action asks, and its weights on the traits, in one seed's world."""
    if family in _FAMILIES:
        asks, likes = _FAMILIES[family]
        weights = _APPEAL * np.array([likes.get(trait, 0.0) for trait in TRAITS])
        weights = weights * rng.normal(1.0, 0.25, len(TRAITS)) + rng.normal(0, 0.15, len(TRAITS))
    else:
        asks, weights = _UNDESCRIBED, rng.normal(0.0, 0.6, len(TRAITS))
    return asks + float(rng.normal(0.0, 0.45)), weights


def _suggested(a: Mapping[str, Value]) -> Numbers:
    """The traits that a profile suggests, in the order of `TRAITS`, each about -2 to 2."""
    age, tenure = _of(a, "customer.age", 45.0), _of(a, "customer.tenure_months", 20.0)
    young = min(max((42.0 - age) / 18.0, -1.6), 1.4)
    heavy = (log(_of(a, "telco.data_gb_month", 3.0) + 0.5) - 1.7) / 1.1
    talks = (log(_of(a, "telco.minutes_month", 120.0) + 10.0) - 5.1) / 0.8
    pays = (_of(a, "telco.monthly_charges", 60.0) - 65.0) / 28.0
    handset = (_of(a, "telco.device_months", 20.0) - 24.0) / 14.0
    children, senior = a.get("customer.dependents") is True, age >= 65
    fibre, online = a.get("telco.internet") == "fibre", a.get("telco.internet", "none") != "none"
    premium = a.get("customer.segment") == "premium"
    cheque = str(a.get("telco.payment_method")).endswith("cheque")
    complaint = a.get("customer.complaint_open") is True
    years = min(tenure / 30.0, 2.0) - 0.9 - 1.2 * _of(a, "customer.churn_score", 0.2)
    return np.array(
        [
            0.6 * heavy + 0.4 * young + (0.9 if children and fibre else 0.0) - 0.2,
            (0.6 * pays if not premium else -0.6) + (0.5 if children else 0.0) + 0.3 * cheque - 0.2,
            (1.0 if age >= 55 and online else -0.3) + (0.7 if children else 0.0) - 0.2,
            0.5 * young + (0.3 if a.get("telco.paperless") is True else -0.4) - 0.4 * senior,
            years * (0.25 if complaint else 1.0),
            0.8 * talks - 0.3 * heavy,
            0.5 * young + (0.8 * handset if premium or heavy > 0.3 else 0.2 * handset),
        ]
    )


def _of(attributes: Mapping[str, Value], name: str, otherwise: float) -> float:
    value = attributes.get(name)
    return float(value) if isinstance(value, int | float) else otherwise


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
