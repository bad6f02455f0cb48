"""Evaluate: what a policy would have earned in place of the one that wrote a log, and how sure that is."""

from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Final

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
    """Value of the policy minus that of the log, per choice, with its interval at 95 %."""

    value: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return not self.interval.covers(0.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a log says of a policy.

    Attributes:
        choices: N, how many choices the log holds, by how many independent `units`.
        logged: what they earned on average: the policy that wrote the log.
        estimates: the same for the policy evaluated, by each estimator that is defined: where all
            weights are 0, the self-normalised one is not.
        difference: by the estimator `HEADLINE`, from the same choices.
        refusals: why nothing may be concluded; empty if something may.
    """

    choices: int
    units: int
    actions: int
    logged: Estimate
    estimates: tuple[Estimate, ...]
    difference: Difference
    overlap: Overlap
    refusals: tuple[str, ...]

    @property
    def headline(self) -> Estimate:
        """The estimate conclusions are drawn from."""
        return next(e for e in self.estimates if e.estimator == HEADLINE)

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON."""
        return asdict(self) | {"concludes": not self.refusals, "headline": HEADLINE}


def evaluate(log: Log, policy: Policy, seed: int = 0) -> Evaluation:
    """Estimates the value of `policy` from `log`; `seed` decides folds and resamples."""
    model = RewardModel.of(log, seed)
    evidence = Evidence.of(log, policy, model)
    found = {name: estimator(evidence) for name, estimator in ESTIMATORS.items()}
    terms = {name: one for name, one in found.items() if one.below.any()}
    own = _mean(log.rewards)
    gain = _gain(terms[HEADLINE], log.rewards)
    sums = [Sums.of(one, log.units) for one in (own, gain, *terms.values())]
    intervals = bootstrap(sums, seed)
    within = reward_range(log.rewards)
    logged, _, *estimates = (
        _estimate(name, one, total, interval, within)
        for name, one, total, interval in zip(
            ("logged", "difference", *terms),
            (own, gain, *terms.values()),
            sums,
            intervals,
            strict=True,
        )
    )
    overlap = Overlap.of(evidence, _unseen(log, policy))
    return Evaluation(
        choices=len(log),
        units=len(sums[0].above),
        actions=len(log.names),
        logged=logged,
        estimates=tuple(estimates),
        difference=Difference(gain.value, intervals[1]),
        overlap=overlap,
        refusals=refusals(evidence, overlap, terms[HEADLINE]),
    )


def _mean(rewards: Vector) -> Terms:
    """The plain mean, as a ratio like all others."""
    ones, (least, most) = np.ones_like(rewards), reward_range(rewards)
    return Terms(rewards, ones, ones, np.zeros_like(rewards), most - least)


def _gain(terms: Terms, rewards: Vector) -> Terms:
    """By how much the policy would earn more than the log did, choice by choice; rounding errors are 0."""
    more = terms.above - rewards
    return replace(
        terms, above=np.where(np.abs(more) > _ROUNDING * np.abs(rewards).max(), more, 0.0)
    )


def _estimate(
    name: str, terms: Terms, sums: Sums, interval: Interval, within: tuple[float, float]
) -> Estimate:
    bound = None if terms.reach is None else bernstein(sums, terms.reach, within)
    return Estimate(
        name,
        terms.value,
        sums.standard_error,
        interval.within(*within),
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
