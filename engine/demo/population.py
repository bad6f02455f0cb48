"""Who the simulated customers are: profiles such as a telecom firm keeps, drawn from one seed.

What is drawn hangs together as it does in life: the young use more data and change more often, the
old talk more and pay by cheque, families have more lines, whoever pays by the month leaves sooner.
The shares are round numbers chosen by hand, near those of IBM's public sample of telecom customers
where it has them (contracts, internet, payment).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.model import DAY, CustomerId, Micros, Value

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

_PLANS: Final = ("S", "M", "L", "XL", "call", "prepaid")
_ALLOWANCE: Final = {"S": 4.0, "M": 10.0, "L": 25.0, "XL": 1e9, "call": 1.0, "prepaid": 6.0}
_PRICE: Final = {"S": 12.0, "M": 20.0, "L": 30.0, "XL": 42.0, "call": 12.0, "prepaid": 0.0}
_EXTRAS: Final = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
_WORK: Final = "We are renewing the mast in your street, and calls may drop in the morning"


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated customer as the firm knows them: `attributes` by declared name, times in `Micros`."""

    customer_id: CustomerId
    attributes: Mapping[str, Value]


def population(size: int, seed: int, now: Micros) -> list[Person]:
    """Draws `size` customers; the same arguments give the same customers.

    An attribute that does not apply to somebody (a top-up of somebody with a contract) is absent.

    >>> people = population(3, seed=1, now=1_790_000_000_000_000)
    >>> [person.customer_id for person in people]
    ['sim-00000', 'sim-00001', 'sim-00002']
    """
    columns = _columns(size, np.random.default_rng([seed, 1]), now)
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    return [
        Person(
            CustomerId(f"sim-{i:05d}"),
            {name: value for name, value in zip(names, row, strict=True) if value is not None},
        )
        for i, row in enumerate(rows)
    ]


def _columns(size: int, rng: np.random.Generator, now: Micros) -> dict[str, list[Value]]:
    """One column for each attribute; None where it does not apply."""
    person = _who(size, rng)
    mobile = _mobile(person, rng)
    home = _home(person, rng)
    contract = _contract(person, mobile, home, rng, now)
    today = _right_now(person, rng, now)
    return {**person.columns(), **mobile, **home, **contract, **today}


@dataclass(frozen=True, slots=True)
class _Who:
    """What everything else depends on."""

    age: Numbers
    partner: Flags
    dependents: Flags
    tenure: Numbers
    segment: list[str]
    lines: Numbers

    def columns(self) -> dict[str, list[Value]]:
        return {
            "customer.age": self.age.astype(int).tolist(),
            "customer.senior": (self.age >= 65).tolist(),
            "customer.partner": self.partner.tolist(),
            "customer.dependents": self.dependents.tolist(),
            "customer.tenure_months": self.tenure.astype(int).tolist(),
            "customer.segment": list(self.segment),
            "household.lines": self.lines.astype(int).tolist(),
        }


def _who(size: int, rng: np.random.Generator) -> _Who:
    centre = rng.choice([23.0, 42.0, 67.0], size, p=[0.27, 0.45, 0.28])
    age = np.clip(rng.normal(centre, 0.15 * centre), 18, 95).round()
    partner = rng.random(size) < np.where(age < 28, 0.2, 0.6)
    dependents = rng.random(size) < np.where((age > 26) & (age < 56), 0.15 + 0.4 * partner, 0.04)
    tenure = np.clip(rng.exponential(np.where(age < 30, 18.0, 40.0)), 0, 240).round()
    segment = rng.choice(["mass", "premium", "business"], size, p=[0.73, 0.2, 0.07]).tolist()
    lines = 1 + rng.binomial(1, 0.5, size) * partner + rng.binomial(3, 0.4, size) * dependents
    return _Who(age, partner, dependents, tenure, segment, lines.astype(float))


def _mobile(who: _Who, rng: np.random.Generator) -> dict[str, list[Value]]:
    size = len(who.age)
    by_age = np.where(who.age < 32, np.log(16.0), np.where(who.age < 58, np.log(6.0), np.log(1.3)))
    gigabytes = np.exp(rng.normal(by_age, 0.75))
    minutes = np.exp(rng.normal(np.where(who.age > 60, 5.9, 4.9), 0.7)).clip(5, 4000)
    phone = rng.random(size) < 0.92
    plan = [
        _plan(gb, age, rng) if has else None
        for gb, age, has in zip(gigabytes, who.age, phone, strict=True)
    ]
    through = rng.uniform(0.3, 1.0, size)
    used = [
        None if p is None else round(min(100.0 * gb * part / _ALLOWANCE[p], 140.0), 1)
        for p, gb, part in zip(plan, gigabytes, through, strict=True)
    ]
    topup = [
        round(float(amount), 2) if p == "prepaid" else None
        for p, amount in zip(plan, rng.gamma(4.0, 6.0, size), strict=True)
    ]
    device = rng.integers(0, 49, size)
    return {
        "telco.phone_service": phone.tolist(),
        "telco.plan": list(plan),
        "telco.data_used_pct": list(used),
        "telco.data_gb_month": _where(phone, gigabytes.round(1)),
        "telco.minutes_month": _where(phone, minutes.round()),
        "telco.topup_month": list(topup),
        "telco.device_months": [
            int(d) if has else None for d, has in zip(device, phone, strict=True)
        ],
        "telco.multiple_lines": (phone & (who.lines > 1)).tolist(),
    }


def _plan(gigabytes: float, age: float, rng: np.random.Generator) -> str:
    """Mostly the plan that fits the usage; often the next smaller or larger one, as plans go stale."""
    if rng.random() < (0.2 if age < 30 else 0.07):
        return "prepaid"
    if age > 60 and rng.random() < 0.15:
        return "call"
    fitting = sum(gigabytes > limit for limit in (3.0, 8.0, 22.0))
    return _PLANS[int(np.clip(fitting + rng.choice([-1, 0, 1], p=[0.35, 0.5, 0.15]), 0, 3))]


def _home(who: _Who, rng: np.random.Generator) -> dict[str, list[Value]]:
    size = len(who.age)
    internet = rng.choice(["none", "dsl", "fibre"], size, p=[0.12, 0.44, 0.44])
    online = internet != "none"
    likely = np.where(who.dependents, 0.32, 0.22)
    columns: dict[str, list[Value]] = {
        f"telco.{extra}": (online & (rng.random(size) < likely)).tolist() for extra in _EXTRAS
    }
    columns["telco.internet"] = internet.tolist()
    columns["telco.fibre_available"] = (rng.random(size) < 0.75).tolist()
    return columns


def _contract(
    who: _Who,
    mobile: Mapping[str, list[Value]],
    home: Mapping[str, list[Value]],
    rng: np.random.Generator,
    now: Micros,
) -> dict[str, list[Value]]:
    size = len(who.age)
    plans, internet = mobile["telco.plan"], home["telco.internet"]
    settled = np.clip(who.tenure / 60.0, 0.0, 1.0)
    draw = rng.random(size)
    contract = [
        "month_to_month" if plan == "prepaid" or u < 0.7 - 0.4 * s
        else "one_year" if u < 0.85 - 0.2 * s
        else "two_year"
        for plan, u, s in zip(plans, draw, settled, strict=True)
    ]  # fmt: skip
    ends = np.where(rng.random(size) < 0.35, rng.uniform(2, 60, size), rng.uniform(60, 700, size))
    extras = np.array([home[f"telco.{extra}"] for extra in _EXTRAS], dtype=float).sum(axis=0)
    monthly = (
        np.array([_PRICE.get(str(plan), 0.0) for plan in plans])
        + np.array([{"none": 0.0, "dsl": 25.0, "fibre": 45.0}[str(i)] for i in internet])
        + 5.0 * extras
        + 8.0 * (who.lines - 1)
        + rng.normal(0.0, 3.0, size)
    ).clip(8.0)
    cheque = np.clip(who.age / 160.0, 0.1, 0.5)
    payment = [
        "mailed_cheque" if u < c / 2 else "electronic_cheque" if u < c
        else "bank_transfer" if u < c + (1 - c) * 0.6 else "credit_card"
        for u, c in zip(rng.random(size), cheque, strict=True)
    ]  # fmt: skip
    return {
        "telco.contract": list(contract),
        "telco.contract_end": [
            None if c == "month_to_month" else now + int(days * DAY)
            for c, days in zip(contract, ends, strict=True)
        ],
        "telco.monthly_charges": monthly.round(2).tolist(),
        "telco.total_charges": (monthly * who.tenure).round(2).tolist(),
        "telco.payment_method": list(payment),
        "telco.paperless": (rng.random(size) < np.where(who.age < 60, 0.75, 0.35)).tolist(),
        **_risk(who, contract, rng),
    }


def _risk(who: _Who, contract: list[str], rng: np.random.Generator) -> dict[str, list[Value]]:
    """Complaints, arrears and how likely somebody is to leave."""
    size = len(who.age)
    complaint = rng.random(size) < 0.03
    monthly = np.array([c == "month_to_month" for c in contract])
    logit = -2.2 + 1.3 * monthly - 0.02 * who.tenure + 1.5 * complaint + rng.normal(0, 0.7, size)
    churn = 1.0 / (1.0 + np.exp(-logit))
    lost = rng.random(size) < 0.03
    stage = [
        "lost" if gone else "onboarding" if t <= 2 else "at_risk" if c > 0.6 else "active"
        for gone, t, c in zip(lost, who.tenure, churn, strict=True)
    ]
    return {
        "customer.complaint_open": complaint.tolist(),
        "customer.payment_overdue": (rng.random(size) < 0.04).tolist(),
        "customer.churn_score": churn.round(3).tolist(),
        "customer.stage": list(stage),
    }


def _right_now(who: _Who, rng: np.random.Generator, now: Micros) -> dict[str, list[Value]]:
    """Consent, dates of birth, and work on the network where somebody lives."""
    size = len(who.age)
    born = (
        now // DAY * DAY - ((who.age * 365.25 + rng.integers(0, 365, size)) * 1.0).astype(int) * DAY
    )
    working = rng.random(size) < 0.005
    starts = now + rng.uniform(1, 6, size) * DAY
    allowed = {"web": 0.98, "app": 0.8, "ivr": 0.96, "agent": 0.95, "sms": 0.7, "email": 0.8}
    draws = rng.random((size, len(allowed))) < np.array(list(allowed.values()))
    channels = [[c for c, yes in zip(allowed, row, strict=True) if yes] for row in draws]
    return {
        "customer.birth_date": [int(day) for day in born],
        "network.work_starts": [
            int(s) if w else None for s, w in zip(starts, working, strict=True)
        ],
        "network.work_summary": [_WORK if w else None for w in working],
        "consent.marketing": (rng.random(size) < 0.97).tolist(),
        "consent.channels": list(channels),
    }


def _where(applies: Flags, numbers: Numbers) -> list[Value]:
    return [float(n) if yes else None for n, yes in zip(numbers, applies, strict=True)]
