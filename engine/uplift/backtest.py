"""Uplift backtested: learned from a randomised campaign, judged on customers nothing was learned from."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.uplift.balance import unbalanced
from engine.uplift.bootstrap import DRAWS
from engine.uplift.campaign import Campaign, HeldOut
from engine.uplift.conclusions import conclusions
from engine.uplift.contest import Contest, Scores, contest
from engine.uplift.curves import Trial
from engine.uplift.design import Design
from engine.uplift.earnings import Prices
from engine.uplift.learner import UpliftLearner

_FOLDS: Final = 5
_BLOCK: Final = 4096
_SEED: Final = 1
_TOLD: Final = 6
_WORTH_TELLING: Final = 0.1

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class UpliftReport:
    """What was found, on held-out customers.

    Attributes:
        learned: how many customers the model that would be used was learned from.
        held_out: how many it was judged on; those learned from themselves, by models that did not
            learn from them, if `cross_fitted`.
        treated_rate, control_rate: successes per held-out customer of each arm.
        treated, control: how many held-out customers are in each arm.
        prices: what a success is worth, and what treating costs.
        contest: the figures, see `contest.Contest`.
        matters: by which features treatment may work differently, with probabilities.
        us_per_row: microseconds for learning one row.
        features: the columns the model saw.
        conclusions, remarks: sentences.
    """

    learned: int
    held_out: int
    cross_fitted: bool
    treated: int
    control: int
    treated_rate: float
    control_rate: float
    prices: Prices
    contest: Contest
    matters: tuple[tuple[tuple[str, ...], float], ...]
    us_per_row: float
    features: tuple[str, ...]
    conclusions: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON; the uplift model's Qini, AUUC, IRR and NIR stand at the top."""
        found = self.contest
        headline = {
            "qini": asdict(found.uplift.qini),
            "auuc": asdict(found.uplift.auuc),
            "irr": asdict(found.treat_uplift.irr),
            "nir": found.treat_uplift.earnings.nir,
            "nir_balanced": asdict(found.treat_uplift.nir_balanced),
        }
        return headline | asdict(self)


def work(campaign: Campaign, held_out: HeldOut | None) -> int:
    """How many steps `backtest_uplift` will tell of."""
    rows = len(campaign.rows)
    return DRAWS + (rows if held_out else _FOLDS * rows)


def backtest_uplift(
    campaign: Campaign,
    held_out: HeldOut | None,
    prices: Prices,
    advance: Callable[[int], object],
) -> UpliftReport:
    """Learns uplift from a campaign, one pass in a seeded random order, and judges it on held-out rows.

    Without `held_out` the campaign's customers are split into 5 parts, each judged by models learned
    from all others in one pass. Whom to treat is decided by the model alone: those whose uplift is worth more
    than treating costs. No held-out row has any influence on that. `advance` is told how many more
    steps are done.
    """
    started = time.perf_counter()
    order = np.random.default_rng(_SEED).permutation(len(campaign.rows))
    if held_out is None:
        scores, matters = _cross_fitted(campaign, order, advance)
        trial, remarks = campaign.trial, campaign.remarks
        lessons = (_FOLDS - 1) * len(order)
    else:
        learner = _learned(campaign, order, advance)
        scores, matters = _scores(learner, held_out.rows)
        trial, remarks = held_out.trial, campaign.remarks + held_out.remarks
        lessons = len(order)
    spent = time.perf_counter() - started
    found = contest(trial, scores, prices, advance)
    suspicious = unbalanced(
        Design(campaign.schema, campaign.rows), campaign.rows, campaign.trial.treated
    )
    return UpliftReport(
        learned=len(order),
        held_out=len(trial.treated),
        cross_fitted=held_out is None,
        treated=int(trial.treated.sum()),
        control=int((~trial.treated).sum()),
        treated_rate=float(trial.outcomes[trial.treated].mean()),
        control_rate=float(trial.outcomes[~trial.treated].mean()),
        prices=prices,
        contest=found,
        matters=tuple(m for m in matters if m[1] >= _WORTH_TELLING)[:_TOLD],
        us_per_row=spent * 1e6 / lessons,
        features=campaign.schema.names,
        conclusions=conclusions(found, prices, suspicious),
        remarks=remarks,
    )


def _cross_fitted(
    campaign: Campaign, order: Places, advance: Callable[[int], object]
) -> tuple[Scores, Any]:
    """Every customer's scores by models that learned from the other parts only."""
    uplift, response = np.zeros(len(order)), np.zeros(len(order))
    chances: dict[tuple[str, ...], float] = {}
    for part in range(_FOLDS):
        inside = np.arange(len(order)) % _FOLDS == part
        learner = _learned(campaign, order[~inside], advance)
        places = order[inside]
        scores, matters = _scores(learner, [campaign.rows[at] for at in places])
        uplift[places], response[places] = scores.uplift, scores.response
        for names, chance in matters:
            chances[names] = chances.get(names, 0.0) + chance / _FOLDS
        advance(len(places))
    return Scores(uplift, response), tuple(sorted(chances.items(), key=lambda found: -found[1]))


def _scores(
    learner: UpliftLearner, rows: Sequence[tuple[Any, ...]]
) -> tuple[Scores, tuple[tuple[tuple[str, ...], float], ...]]:
    model = learner.model()
    return Scores(model.uplift(rows), learner.response_model().chances(rows)), model.matters


def _learned(campaign: Campaign, places: Places, advance: Callable[[int], object]) -> UpliftLearner:
    """A learner that has learned the rows at some places, in that order, each once."""
    learner = UpliftLearner(Design(campaign.schema, [campaign.rows[at] for at in places]))
    for block in _blocks(places):
        trial: Trial = campaign.trial.of(block)
        learner.learn([campaign.rows[at] for at in block], trial.treated, trial.outcomes)
        advance(len(block))
    return learner


def _blocks(places: Places) -> Iterator[Places]:
    for at in range(0, len(places), _BLOCK):
        yield places[at : at + _BLOCK]
