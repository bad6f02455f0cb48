"""Uplift learned: every row of a randomised campaign is learned once, then forgotten."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.uplift.design import Design
from engine.uplift.likelihood import ArmLikelihood, logit, sigmoid
from engine.uplift.model import Line, ResponseModel, UpliftModel
from engine.uplift.parts import Numbers
from engine.uplift.selection import Averaged, Candidate, average

Flags = npt.NDArray[np.bool_]

_START: Final = 2048
_FIRST_STEPS: Final = 8
_GROWTH: Final = 1.25
_CENTRING_STEPS: Final = 20
_INTERCEPT_SCALE: Final = 5.0
_CHANGE_SCALE: Final = 2.0
_MOST_LIKELY: Final = 0.5


class _Block(NamedTuple):
    """Encoded rows, with a first column of ones, who was treated, and what came of it, 0 or 1."""

    x: Numbers
    treated: Flags
    outcomes: Numbers


class _Expectation(NamedTuple):
    """Beforehand: the deviation of a feature's and a pair's effect, and how many of each matter."""

    feature_scale: float
    pair_scale: float
    features: float
    pairs: float


class _Arms(NamedTuple):
    """What both arms have said."""

    control: ArmLikelihood
    treated: ArmLikelihood

    def learn(self, block: _Block, weights: Numbers) -> None:
        """Adds a block, the logits expected by `weights`: the untreated's line, then the change's."""
        line, change = np.split(weights, 2)
        for arm, chosen, expected in (
            (self.control, ~block.treated, line),
            (self.treated, block.treated, line + change),
        ):
            x = block.x[chosen]
            arm.learn(x, block.outcomes[chosen], x @ expected)

    def joint(self) -> tuple[Numbers, Numbers]:
        """Curvature and pull of both lines together: the treated's logit is the sum of the two."""
        control, treated = self
        both = control.curvature + treated.curvature
        curvature = np.block([[both, treated.curvature], [treated.curvature, treated.curvature]])
        return curvature, np.concatenate([control.pull + treated.pull, treated.pull])


_UNTREATED: Final = _Expectation(0.5, 0.2, features=np.inf, pairs=4.0)
_CHANGE: Final = _Expectation(0.4, 0.2, features=2.0, pairs=2.0)


class UpliftLearner:
    """Learns success if left alone and if treated as two logits over one design.

    The first is a line over the design's columns; being treated adds a second line to it. Both arms
    teach the first, their difference the second. Which columns either has is averaged over by
    `selection.average`: about two features and two pairs are expected beforehand to change what
    treating does, so that without evidence of any everybody's logit changes alike.

    Rows come in any order that chance could have given. The first blocks, of 2,048 rows or more, are
    kept: they give the first idea of the weights, are learned last, when the idea is good, and centre
    the model, so that its mean probability in each arm is the rate observed. All others are forgotten
    once learned. Time per row grows with the square of the design's width, memory not with the rows.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self._arms = _Arms(ArmLikelihood(design.width + 1), ArmLikelihood(design.width + 1))
        self._weights: Numbers = np.zeros(2 * design.width + 2)
        self._kept: list[_Block] = []
        self._begun = False
        self._next_idea = 0.0

    def learn(self, rows: Sequence[Sequence[Any]], treated: Flags, outcomes: Numbers) -> None:
        """Learns a block of rows: raw features, who was treated, and outcomes, 0 or 1."""
        x = np.column_stack([np.ones(len(rows)), self.design.encode(rows)])
        block = _Block(x, treated, outcomes)
        if not self._begun and sum(len(kept.outcomes) for kept in self._kept) < _START:
            self._kept.append(block)
            return
        self._begin()
        self._arms.learn(block, self._weights)
        learned = self._arms.control.rows + self._arms.treated.rows
        if learned >= self._next_idea:
            self._weights = self._ridge(self._with_kept())
            self._next_idea = _GROWTH * learned

    def model(self) -> UpliftModel:
        """The model as of now. Costs about a second, whatever was learned."""
        arms = self._finished()
        averaged = average(
            *arms.joint(),
            np.concatenate([self._flat(_INTERCEPT_SCALE), self._flat(_CHANGE_SCALE)]),
            self._candidates(_UNTREATED, 0) + self._candidates(_CHANGE, self.design.width + 1),
        )
        line, change = np.split(averaged.weights, 2)
        line[0] += self._shift(line, arms.control.rate)
        change[0] += self._shift(line + change, arms.treated.rate)
        return UpliftModel(self.design, _line(line), _line(change), self._matters(averaged))

    def response_model(self) -> ResponseModel:
        """The peer, learned from the treated alone, in the same way and of the same rows."""
        arm = self._finished().treated
        averaged = average(
            arm.curvature, arm.pull, self._flat(_INTERCEPT_SCALE), self._candidates(_UNTREATED, 0)
        )
        return ResponseModel(self.design, _line(averaged.weights))

    def _begin(self) -> None:
        """The first idea of the weights: the kept rows' own, by Newton's method."""
        if self._begun:
            return
        self._begun = True
        rates = ArmLikelihood(0)
        for block in self._kept:
            rates.rows += len(block.outcomes)
            rates.successes += float(block.outcomes.sum())
        self._weights[0] = logit(rates.rate)
        for _ in range(_FIRST_STEPS):
            self._weights = self._ridge(self._with_kept())

    def _finished(self) -> _Arms:
        self._begin()
        return self._with_kept()

    def _with_kept(self) -> _Arms:
        """What was said, by the kept rows too, as seen from the weights of now."""
        arms = _Arms(*(arm.copy() for arm in self._arms))
        for block in self._kept:
            arms.learn(block, self._weights)
        return arms

    def _ridge(self, arms: _Arms) -> Numbers:
        """The most likely weights if all columns matter a little."""
        curvature, pull = arms.joint()
        precision = np.concatenate(
            [
                self._ridge_precision(_INTERCEPT_SCALE, _UNTREATED),
                self._ridge_precision(_CHANGE_SCALE, _CHANGE),
            ]
        )
        weights: Numbers = np.linalg.solve(curvature + np.diag(precision), pull)
        return weights

    def _ridge_precision(self, intercept: float, expected: _Expectation) -> Numbers:
        precision = self._flat(intercept)
        for group in self.design.groups:
            scale = expected.pair_scale if group.is_pair else expected.feature_scale
            precision[1:][group.columns] = 1 / scale**2
        return precision

    def _flat(self, intercept: float) -> Numbers:
        """The precision of one line's intercept; its other weights are the candidates'."""
        precision: Numbers = np.zeros(self.design.width + 1)
        precision[0] = 1 / intercept**2
        return precision

    def _candidates(self, expected: _Expectation, start: int) -> list[Candidate]:
        groups = self.design.groups
        pairs = sum(group.is_pair for group in groups)
        found = []
        for group in groups:
            many, matter = (
                (pairs, expected.pairs)
                if group.is_pair
                else (len(groups) - pairs, expected.features)
            )
            first = start + 1 + group.first
            columns = slice(first, first + group.width)
            found.append(Candidate(columns, min(_MOST_LIKELY, matter / many)))
        return found

    def _shift(self, weights: Numbers, rate: float) -> float:
        """By how much the logits of the kept rows must change for their mean chance to be `rate`."""
        logits = np.concatenate([block.x @ weights for block in self._kept])
        shift = 0.0
        for _ in range(_CENTRING_STEPS):
            p = sigmoid(logits + shift)
            step = (rate - float(p.mean())) / max(float((p * (1 - p)).mean()), 1e-12)
            shift += min(1.0, max(-1.0, step))
        return shift

    def _matters(self, averaged: Averaged) -> tuple[tuple[tuple[str, ...], float], ...]:
        groups = self.design.groups
        chances = averaged.matters[len(groups) :].tolist()
        named = [(group.names, chance) for group, chance in zip(groups, chances, strict=True)]
        return tuple(sorted(named, key=lambda found: -found[1]))


def _line(weights: Numbers) -> Line:
    return Line(float(weights[0]), weights[1:])
