"""Traffic of every kind for the cluster: what some customers do in a week, late, in disorder and partly twice."""

import random
from collections.abc import Mapping
from typing import Final

from engine.model import (
    DAY,
    HOUR,
    NOT_DELIVERED,
    ActionId,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Exposure,
    Measure,
    Micros,
    ProfileUpdate,
    Response,
    Value,
)
from engine.uplift.observing import HELD_OUT
from tests.happenings import HOME, interaction
from tests.lessons import GROUPS, SCHEMA, raw_features

Entry = Event | ProfileUpdate

REWARDS: Final[Mapping[str, float | None]] = {
    "impression": 0.0,
    "click": 0.2,
    "accept": 1.0,
    "reject": 0.0,
    "dismiss": 0.0,
    NOT_DELIVERED: None,
    "told_a_friend": None,
}
"""The outcomes that come, with the reward each had when it was accepted."""

MEASURED: Final = "stay"
"""The action of `tests.lessons.GROUPS` whose effect is measured, by the interaction `CHURNED`."""

CHURNED: Final = "churned"

_WITHIN: Final = 2 * DAY
_LATE: Final = 0.2
_REPEATED: Final = 0.1


def traffic(
    count: int, seed: int, now: Micros, customers: int = 150, first: int = 0
) -> list[Entry]:
    """So many entries of a week that ends `now`, in the order in which they arrive.

    They are about the customers `c0`, `c1` and so on, or those from `first` on.

    Profile updates (some remove an attribute), interactions, and responses of every outcome to offers,
    also to measured ones that were shown or held out. A fifth is up to an hour late, a tenth comes a
    second time, whole, somewhere behind the first.
    """
    chance = random.Random(seed)
    log: list[Entry] = []
    for n in range(count):
        who = CustomerId(f"c{first + chance.randrange(customers)}")
        at = now - 6 * DAY * (count - n) // count - chance.randrange(DAY // count + 1)
        if chance.random() < _LATE:
            at -= chance.randrange(HOUR)
        if log and chance.random() < _REPEATED:
            log.append(log[-1 - int(len(log) * chance.random() ** 3)])
        else:
            log.append(_entry(n, who, at, chance))
    return log


def _entry(n: int, who: CustomerId, at: Micros, chance: random.Random) -> Entry:
    match chance.randrange(6):
        case 0:
            return ProfileUpdate(who, at, _attributes(n, chance))
        case 1:
            what = chance.choice(["visit", "dropped_call", CHURNED])
            told: dict[str, Value] = {"page": f"/{n % 7}", "seconds": n} if n % 2 else {}
            return interaction(f"e{n}", who, at=at, what=what, **told)
        case _:
            return _answer(n, who, at, chance)


def _attributes(n: int, chance: random.Random) -> dict[str, Value]:
    names = chance.sample(["age", "plan", "vip"], 2)
    return {name: chance.choice([n, f"{n}", None, True]) for name in names}


def _answer(n: int, who: CustomerId, at: Micros, chance: random.Random) -> Event:
    """A response to one of the offers of the customer's latest decision, or that one was held out."""
    action = ActionId(chance.choice(list(GROUPS)))
    exposure = _exposure(who, action, at - at % DAY)
    measure = None
    outcome = chance.choice(list(REWARDS))
    if action == MEASURED:
        treated = chance.random() < 0.5
        measure = Measure(CHURNED, _WITHIN, treated)
        if not treated:
            body = Response(exposure, HELD_OUT, 0.0, None, measure)
            return Event(EventId(f"e{n}"), who, at, body)
    value = float(n % 50) if outcome == "accept" else 0.0
    body = Response(exposure, outcome, value, REWARDS[outcome], measure)
    return Event(EventId(f"e{n}"), who, at, body)


def _exposure(who: CustomerId, action: ActionId, decided_at: Micros) -> Exposure:
    """An offer of the customer's decision of that moment: the same each time it is asked for."""
    decision = f"d{decided_at}.{who}"
    chance = random.Random(decision + action)
    return Exposure(
        DecisionId(decision), action, GROUPS[action], chance.choice(["web", "ivr"]), HOME,
        decided_at, 0.5, 0.1, SCHEMA.digest, list(raw_features(chance)),
    )  # fmt: skip
