"""Evaluate: what a policy would have earned in place of the one that wrote a log, and how sure that is."""

from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Final, NamedTuple

import numpy as np

from engine.evaluation.estimators import ESTIMATORS, Terms, reward_range
from engine.evaluation.evidence import Evidence
from engine.evaluation.intervals import Interval, Sums, bernstein, bootstrap
from engine.evaluation.log import Log, Vector
from engine.evaluation.policies import Policy
from engine.evaluation.reward_model import RewardModel
from engine.evaluation.verdict import Overlap, is_reliable, refusals

HEADLINE: Final = "dr-shrunk"
"""The estimator conclusions are drawn from."""

LOGGED: Final = "logged"
"""The name of what the log earned, among estimates."""

AGAINST: Final = "against"
"""The name of the value of the policy compared with, among estimates."""

_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimator's value per choice, its standard error, and its intervals at 95 %.

    `bernstein` holds for any sample size, None where the estimator's error has no bound. `parameter`
    is the threshold or shrinkage chosen, None if there is none. `uncovered` is the share of the policy's choices that no
    weight accounts for, `effective_rows` what the weights are worth; `reliable` says whether that is
    enough to rely on the estimate.
    """

    estimator: str
    value: float
    standard_error: float
    bootstrap: Interval
    bernstein: Interval | None
    effective_rows: float
    uncovered: float
    parameter: float | None
    reliable: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Value of the policy minus that of the log (or of another policy), per choice, with its interval at 95 %."""

    value: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return not self.interval.covers(0.0)

    @property
    def verdict(self) -> str:
        """What that comes to, in words."""
        if not self.clear:
            return "no clear difference"
        return "clearly more" if self.value > 0.0 else "clearly less"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a log says of a policy.

    Attributes:
        choices: N, how many choices the log holds, by how many independent `units`.
        logged: what they earned on average: the policy that wrote the log.
        against: the value of the policy it is compared with, by `HEADLINE`; None if that is the log.
        estimates: the same for the policy evaluated, by each estimator that is defined: where all
            weights are 0, the self-normalised one is not.
        difference: by the estimator `HEADLINE`, from the same choices.
        refusals: why nothing may be concluded; empty if something may.
    """

    choices: int
    units: int
    actions: int
    logged: Estimate
    against: Estimate | None
    estimates: tuple[Estimate, ...]
    difference: Difference
    overlap: Overlap
    refusals: tuple[str, ...]

    @property
    def headline(self) -> Estimate:
        """The estimate conclusions are drawn from."""
        return next(e for e in self.estimates if e.estimator == HEADLINE)

    @property
    def before(self) -> Estimate:
        """What the policy is compared with: another policy, or the log itself."""
        return self.against or self.logged

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON."""
        return asdict(self) | {"concludes": not self.refusals, "headline": HEADLINE}


def evaluate(log: Log, policy: Policy, seed: int = 0, against: Policy | None = None) -> Evaluation:
    """Estimates the value of `policy` from `log`; `seed` decides folds and resamples.

    The difference is to what the log earned or, if given, to the policy `against`.
    """
    model = RewardModel.of(log, seed)
    judged = _judge(log, policy, model)
    terms = {LOGGED: _mean(log.rewards), **judged.terms}
    reasons, before = judged.refusals, terms[LOGGED]
    if against is not None:
        other = _judge(log, against, model)
        terms[AGAINST] = before = other.terms[HEADLINE]
        reasons += tuple(f"of the policy it is compared with: {why}" for why in other.refusals)
    gain = _gain(terms[HEADLINE], before)
    sums = [Sums.of(one, log.units) for one in (gain, *terms.values())]
    interval, *intervals = bootstrap(sums, seed)
    within = reward_range(log.rewards)
    estimates = {
        name: _estimate(name, one, total, between.within(*within), within)
        for (name, one), total, between in zip(terms.items(), sums[1:], intervals, strict=True)
    }
    return Evaluation(
        choices=len(log),
        units=len(sums[0].above),
        actions=len(log.names),
        logged=estimates[LOGGED],
        against=estimates.get(AGAINST),
        estimates=tuple(estimates[name] for name in judged.terms),
        difference=Difference(gain.value, interval),
        overlap=judged.overlap,
        refusals=reasons,
    )


class _Judged(NamedTuple):
    """One policy's terms by estimator, of those that are defined, and what may be made of them."""

    terms: dict[str, Terms]
    overlap: Overlap
    refusals: tuple[str, ...]


def _judge(log: Log, policy: Policy, model: RewardModel) -> _Judged:
    evidence = Evidence.of(log, policy, model)
    found = {name: estimator(evidence) for name, estimator in ESTIMATORS.items()}
    terms = {name: one for name, one in found.items() if one.below.any()}
    overlap = Overlap.of(evidence, _unseen(log, policy))
    return _Judged(terms, overlap, refusals(evidence, overlap, terms[HEADLINE]))


def _mean(rewards: Vector) -> Terms:
    """The plain mean, as a ratio like all others."""
    ones, (least, most) = np.ones_like(rewards), reward_range(rewards)
    return Terms(rewards, ones, ones, np.zeros_like(rewards), most - least)


def _gain(terms: Terms, before: Terms) -> Terms:
    """By how much one policy earns more than another, choice by choice; rounding errors are 0."""
    more = terms.above - before.above
    smallest = _ROUNDING * float(np.abs(before.above).max())
    return replace(terms, above=np.where(np.abs(more) > smallest, more, 0.0))


def _estimate(
    name: str, terms: Terms, sums: Sums, interval: Interval, within: tuple[float, float]
) -> Estimate:
    bound = None if terms.reach is None else bernstein(sums, terms.reach, within)
    return Estimate(
        name,
        terms.value,
        sums.standard_error,
        interval,
        bound,
        terms.effective_rows,
        terms.uncovered,
        None if terms.parameter == inf else terms.parameter,
        reliable=is_reliable(terms),
    )


def _unseen(log: Log, policy: Policy) -> float:
    """The share of a policy's choices that are actions the log never shows."""
    never = np.bincount(log.actions, minlength=len(log.names)) == 0
    if not never.any():
        return 0.0
    return sum(float(policy.of_all(log, rows)[:, never].sum()) for rows in log.blocks()) / len(log)
