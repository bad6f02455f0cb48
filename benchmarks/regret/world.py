"""The world: customers, actions that come and go, and how likely each customer takes each action."""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float64]

SEGMENTS: Final = ("mass", "premium", "vip", "young")
PLANS: Final = ("S", "M", "L", "XL", "none")
REGIONS: Final = ("north", "south", "east", "west", "coast", "capital")
WIDTH: Final = len(SEGMENTS) + len(PLANS) + len(REGIONS) + 4
"""Numbers that describe a customer to whoever wants numbers; see `World.vectors`."""

TRUTHS: Final = ("linear", "interaction", "drifting")
DAYS: Final = 100
"""How long the world lasts; actions come and go at midnight."""

_OPEN_FROM_THE_FIRST: Final = 0.6
_GONE_BY_THE_END: Final = 0.3


class Customer(NamedTuple):
    """What is known of who comes by."""

    segment: str
    plan: str
    region: str
    heavy: bool
    age: int
    tenure: int
    spend: float


class World(NamedTuple):
    """All that will happen in T rounds with A actions, whoever plays.

    Attributes:
        customers: who comes by, one a round.
        vectors: the same as numbers of about the same scale, shape (T, WIDTH).
        groups: the group of each action, A numbers from 0.
        first, last: the days on which each action is open, both included, shape (A,).
        days: the day of each round, from 0, shape (T,).
        truth: how likely the customer of each round takes each action, shape (T, A).
        lots: uniform numbers in [0, 1): the action is taken where its lot is below the truth, (T, A).
    """

    customers: tuple[Customer, ...]
    vectors: Vector
    groups: tuple[int, ...]
    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    days: npt.NDArray[np.intp]
    truth: Vector
    lots: Vector

    def open_at(self, round_: int) -> list[int]:
        """The actions that may be offered in a round."""
        day = self.days[round_]
        return np.flatnonzero((self.first <= day) & (day <= self.last)).tolist()

    def takes(self, round_: int, action: int) -> bool:
        """Whether the customer of a round takes this action: the same for everybody who offers it."""
        return bool(self.lots[round_, action] < self.truth[round_, action])


def world(truth: str, seed: int, rounds: int, actions: int = 30, rate: float = 0.05) -> World:
    """A world of one of `TRUTHS`; an action shown at random is taken at `rate`, in (0, 1).

    The logit of taking an action is a constant and a weighted sum of the customer's numbers; each
    weight is the group's plus the action's own. `interaction` adds a term for each pair of segment and
    plan. In `drifting` the weights turn by a right angle while the world lasts: what holds at the end
    has nothing to do with what held at the beginning.
    """
    if truth not in TRUTHS:
        raise ValueError(f"no such truth: {truth}")
    chance = np.random.default_rng([TRUTHS.index(truth), seed])
    customers = tuple(_customer(chance) for _ in range(rounds))
    vectors = np.array([_numbers(customer) for customer in customers])
    group_of = chance.integers(0, max(2, actions // 5), actions)
    days = np.arange(rounds) * DAYS // rounds
    logits = _linear(chance, vectors, group_of)
    if truth == "interaction":
        logits += _pairs(chance, customers, group_of)
    if truth == "drifting":
        angle = (np.arange(rounds) / rounds * np.pi / 2)[:, None]
        logits = np.cos(angle) * logits + np.sin(angle) * _linear(chance, vectors, group_of)
    first, last = _spans(chance, actions)
    return World(
        customers,
        vectors,
        tuple(group_of.tolist()),
        first,
        last,
        days,
        _sigmoid(logits + _base(logits, rate)),
        chance.random((rounds, actions)),
    )


def _customer(chance: np.random.Generator) -> Customer:
    return Customer(
        SEGMENTS[chance.choice(4, p=(0.55, 0.2, 0.05, 0.2))],
        PLANS[chance.integers(5)],
        REGIONS[chance.choice(6, p=(0.3, 0.25, 0.2, 0.12, 0.08, 0.05))],
        bool(chance.random() < 0.3),
        int(chance.integers(18, 90)),
        int(chance.exponential(36.0)),
        float(np.round(chance.lognormal(3.0, 0.8), 2)),
    )


def _numbers(customer: Customer) -> list[float]:
    """One number for each value of a category, and what is measured as standard deviations."""
    chosen = [customer.segment == name for name in SEGMENTS]
    chosen += [customer.plan == name for name in PLANS]
    chosen += [customer.region == name for name in REGIONS]
    measured = [
        float(customer.heavy),
        (customer.age - 53.5) / 20.8,
        (np.log1p(customer.tenure) - 3.2) / 1.05,
        (np.log(customer.spend) - 3.0) / 0.8,
    ]
    return [*map(float, chosen), *measured]


def _linear(
    chance: np.random.Generator, vectors: Vector, group_of: npt.NDArray[np.int64]
) -> Vector:
    """Constants and weighted sums, shape (T, A)."""
    groups, actions = int(group_of.max()) + 1, len(group_of)
    of_group = chance.normal(0.0, 0.3, (WIDTH, groups))
    weights = of_group[:, group_of] + chance.normal(0.0, 0.3, (WIDTH, actions))
    constants = chance.normal(0.0, 0.4, groups)[group_of] + chance.normal(0.0, 0.4, actions)
    found: Vector = constants + vectors @ weights
    return found


def _pairs(
    chance: np.random.Generator, customers: tuple[Customer, ...], group_of: npt.NDArray[np.int64]
) -> Vector:
    """What each pair of segment and plan adds, shape (T, A)."""
    pairs, groups = len(SEGMENTS) * len(PLANS), int(group_of.max()) + 1
    adds = chance.normal(0.0, 0.6, (pairs, groups))[:, group_of]
    adds = adds + chance.normal(0.0, 0.6, (pairs, len(group_of)))
    pair_of = [SEGMENTS.index(c.segment) * len(PLANS) + PLANS.index(c.plan) for c in customers]
    found: Vector = adds[pair_of]
    return found


def _spans(
    chance: np.random.Generator, actions: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """From which day to which each action is open; there are always some that stay throughout."""
    first, last = np.zeros(actions, np.intp), np.full(actions, DAYS - 1, np.intp)
    order = chance.permutation(actions)
    late = order[round(_OPEN_FROM_THE_FIRST * actions) :]
    first[late] = chance.integers(5, 85, len(late))
    leaving = order[: round(_GONE_BY_THE_END * actions)]
    last[leaving] = chance.integers(15, 95, len(leaving))
    return first, last


def _base(logits: Vector, rate: float) -> float:
    """What all logits must be raised by for the mean probability to be `rate`, by bisection."""
    sample, low, high = logits[:2_000], -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if _sigmoid(sample + middle).mean() < rate:
            low = middle
        else:
            high = middle
    return low


def _sigmoid(logits: Vector) -> Vector:
    found: Vector = 1.0 / (1.0 + np.exp(-logits))
    return found
