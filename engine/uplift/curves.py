"""Uplift judged: the order in which a score would have customers treated, against what came of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.uplift.parts import Numbers


@dataclass(frozen=True, slots=True)
class Trial:
    """Held-out customers of a randomised campaign: who was treated, and outcomes, 0 or 1."""

    treated: npt.NDArray[np.bool_]
    outcomes: Numbers

    def of(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Trial":
        """Some of them."""
        return Trial(self.treated[chosen], self.outcomes[chosen])


@dataclass(frozen=True, slots=True)
class Areas:
    """How well a score orders customers by what treating them changes.

    qini: the area between the Qini curve and that of treating at random (Radcliffe 2007, Using
        control groups to target on predicted lift). The curve is, when the share φ with the highest
        scores is treated, the number of successes gained, `q(φ) = (Yₜ − Y꜀·Nₜ/N꜀) / N`, where Yₜ, Y꜀
        are the successes and Nₜ, N꜀ the numbers of treated and control among them, per treated
        customer of the whole trial (N). The random one is the straight line to `q(1)`. In successes
        per treated customer; 0 is chance.
    auuc: the area under the uplift curve `u(φ) = (Yₜ/Nₜ − Y꜀/N꜀)·φ` (Gutierrez & Gérardy 2017, Causal
        inference and uplift modelling). In successes per customer; chance is half the mean uplift.
    """

    qini: float
    auuc: float


class Ordering:
    """Customers in the order of a score, highest first, to be weighted anew again and again."""

    def __init__(self, trial: Trial, scores: Numbers) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        treated = trial.treated[self._order].astype(np.float64)
        successes = trial.outcomes[self._order]
        self._indicators = np.stack(
            [treated, 1 - treated, treated * successes, (1 - treated) * successes]
        )

    def areas(self, weights: Numbers | None = None) -> Areas:
        """The areas if each customer is counted as often as `weights` say, once if not given.

        Customers of equal score count as treated in a random order, so their part of a curve is straight.
        While no control is among them, none of their successes is taken as having come anyway, for the
        Qini; for the AUUC a share in which an arm is absent has no uplift yet.
        """
        counted = self._indicators
        if weights is not None:
            counted = counted * weights[self._order]
        sums = np.cumsum(counted, axis=1)[:, self._ends]
        n_treated, n_control, y_treated, y_control = np.pad(sums, ((0, 0), (1, 0)))
        reached = n_treated + n_control
        shares = reached / reached[-1]
        per_control = _ratio(y_control, n_control)
        qini = (y_treated - per_control * n_treated) / n_treated[-1]
        uplift = (_ratio(y_treated, n_treated) - per_control) * shares
        uplift[(n_treated == 0) | (n_control == 0)] = 0.0
        return Areas(
            float(np.trapezoid(qini, shares) - qini[-1] / 2), float(np.trapezoid(uplift, shares))
        )


def areas(trial: Trial, scores: Numbers) -> Areas:
    """The areas of one score.

    Two of four are treated, and of these the one with the higher score succeeds:

    >>> trial = Trial(np.array([True, False, True, False]), np.array([1.0, 0.0, 0.0, 0.0]))
    >>> areas(trial, np.array([0.9, 0.9, 0.1, 0.1]))
    Areas(qini=0.125, auuc=0.375)
    """
    return Ordering(trial, scores).areas()


def best_areas(trial: Trial) -> Areas:
    """Those of an order nobody can know: who succeeded treated first, who succeeded untreated last.

    A Qini divided by this one's is the normalised Qini coefficient (scikit-uplift's `qini_auc_score`).
    """
    return areas(trial, np.where(trial.treated, trial.outcomes, -trial.outcomes))


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    ratio: Numbers = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return ratio
