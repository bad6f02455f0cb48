"""Uplift compared: on customers nobody learned from, its order and its policy against those of its peers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.uplift.bootstrap import Interval, redrawn
from engine.uplift.curves import Ordering, Trial, best_areas
from engine.uplift.earnings import Earnings, Prices, earnings
from engine.uplift.parts import Numbers

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the two models say of the held-out customers: uplift, and chance of success if treated."""

    uplift: Numbers
    response: Numbers


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well one model orders customers; see `curves.Areas`. The last is a share of the best possible."""

    qini: Interval
    auuc: Interval
    qini_normalised: float


@dataclass(frozen=True, slots=True)
class Policy:
    """What treating some customers brought; the intervals are of `irr` and `nir_balanced`."""

    earnings: Earnings
    irr: Interval
    nir_balanced: Interval


@dataclass(frozen=True, slots=True)
class Contest:
    """Uplift against its peers, with 95 % intervals.

    The intervals say how far chance in the held-out customers could have gone; they take the models
    as given. `random` brings in expectation; the response model treats as many as the uplift model.

    Attributes:
        effect: what treating everybody changes, in successes per customer.
        uplift, response: the order by uplift, and by chance of success if treated.
        random_auuc: that of any order without sense: half the effect.
        qini_over_response: how far uplift's Qini is above the response model's.
        treat_uplift, treat_response, treat_everybody: what each policy brought.
        random_nir: balanced, of as many customers as uplift would treat, by lot.
        nir_over_response, nir_over_random, nir_over_everybody: how far uplift's balanced NIR is above.
    """

    effect: Interval
    uplift: Ranking
    response: Ranking
    random_auuc: Interval
    qini_over_response: Interval
    treat_uplift: Policy
    treat_response: Policy
    treat_everybody: Policy
    random_nir: Interval
    nir_over_response: Interval
    nir_over_random: Interval
    nir_over_everybody: Interval


def contest(
    trial: Trial, scores: Scores, prices: Prices, advance: Callable[[int], object]
) -> Contest:
    """Judges both models on a trial. `advance` is told of each of `bootstrap.DRAWS` draws."""
    orders = {
        "uplift": Ordering(trial, scores.uplift),
        "response": Ordering(trial, scores.response),
    }
    chosen = prices.worth_treating(scores.uplift)
    choices = {
        "uplift": chosen,
        "response": _highest(scores.response, int(chosen.sum())),
        "everybody": np.ones(len(chosen), bool),
    }

    def figures(weights: Numbers | None) -> dict[str, float]:
        return _figures(trial, orders, choices, prices, weights)

    told = _Told(figures(None), redrawn(trial, figures, advance))
    best = best_areas(trial).qini
    return Contest(
        effect=told.interval("irr everybody"),
        uplift=told.ranking("uplift", best),
        response=told.ranking("response", best),
        random_auuc=told.interval("auuc random"),
        qini_over_response=told.interval("qini uplift", "qini response"),
        treat_uplift=told.policy("uplift", earnings(trial, chosen, prices)),
        treat_response=told.policy("response", earnings(trial, choices["response"], prices)),
        treat_everybody=told.policy("everybody", earnings(trial, choices["everybody"], prices)),
        random_nir=told.interval("nir random"),
        nir_over_response=told.interval("nir uplift", "nir response"),
        nir_over_random=told.interval("nir uplift", "nir random"),
        nir_over_everybody=told.interval("nir uplift", "nir everybody"),
    )


def _figures(
    trial: Trial,
    orders: Mapping[str, Ordering],
    choices: Mapping[str, Flags],
    prices: Prices,
    weights: Numbers | None,
) -> dict[str, float]:
    """Every figure an interval is wanted of, each customer counted as often as `weights` say."""
    figures = {}
    for name, ordering in orders.items():
        found = ordering.areas(weights)
        figures[f"qini {name}"], figures[f"auuc {name}"] = found.qini, found.auuc
    for name, choice in choices.items():
        brought = earnings(trial, choice, prices, weights)
        figures[f"irr {name}"], figures[f"nir {name}"] = brought.irr, brought.nir_balanced
    figures["auuc random"] = figures["irr everybody"] / 2
    figures["nir random"] = figures["nir everybody"] * float(choices["uplift"].mean())
    return figures


@dataclass(frozen=True, slots=True)
class _Told:
    """Figures by name: as they are, and as they were in each draw."""

    estimates: Mapping[str, float]
    drawn: Mapping[str, Numbers]

    def interval(self, name: str, less: str | None = None) -> Interval:
        """Of a figure, or of the difference of two."""
        if less is None:
            return Interval.of(self.estimates[name], self.drawn[name])
        estimate = self.estimates[name] - self.estimates[less]
        return Interval.of(estimate, self.drawn[name] - self.drawn[less])

    def ranking(self, name: str, best_qini: float) -> Ranking:
        qini = self.interval(f"qini {name}")
        share = qini.estimate / best_qini if best_qini > 0 else 0.0
        return Ranking(qini, self.interval(f"auuc {name}"), share)

    def policy(self, name: str, brought: Earnings) -> Policy:
        return Policy(brought, self.interval(f"irr {name}"), self.interval(f"nir {name}"))


def _highest(scores: Numbers, count: int) -> Flags:
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[:count]] = True
    return chosen
