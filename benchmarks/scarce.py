"""What a running price earns where a cap is scarce, against giving it to whoever asks first.

    python -m benchmarks.scarce [--days 5] [--requests 4000] [--seeds 20]

Every day the same kind of customers come by: each finds the capped gift worth something else (a true
propensity from 0 to 1, skewed to the left) and would otherwise be shown a plain offer worth little. Both
runs see the very same customers in the same order, and decide by the same path as the service does:
`Decider.decide`, `Decider.commit`. What is counted is the expected value of what was shown. `best` is
what somebody earns who knows everybody of a day beforehand. No exploration, no learning: only the caps differ.
"""

import argparse
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.circumstances import Circumstances
from engine.deadline import Budget
from engine.decide import Decider
from engine.features import FeatureSchema
from engine.learning.evidence import Evidence
from engine.model import DAY, Customer, CustomerId, DecisionId, PlacementId, Question, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load

RULES: Final = ("first_come", "worth_most")
SHARES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

_GIFT, _PLAIN = 20.0, 1.0
_START: Final = 20_000 * DAY
_AT: Final = PlacementId("web.hero")
_BOOK: Final = """\
actions:
  - id: gift
    title: A gift of which there are few
    group: all
    value: {gift}
    caps: {{per_day: {cap}, when_scarce: {rule}, hold: 1d}}
    treatments: [{{id: gift.web, placement: web.hero, texts: {{headline: A gift}}}}]
  - id: plain
    title: What there is enough of
    group: all
    value: {plain}
    treatments: [{{id: plain.web, placement: web.hero, texts: {{headline: Hello}}}}]
"""
_POLICIES: Final = b"""\
issues: {grow: {}}
groups: {all: {issue: grow}}
placements:
  web.hero: {channel: web, texts: {headline: 40}, fallback: {headline: Good to see you}}
arbitration: {exploration: {policy: greedy}}
"""
_ATTRIBUTES: Final = b"""\
attributes:
  request.channel: {type: string, values: [web]}
"""


class Visits(NamedTuple):
    """Who comes by, in the order of time: when (microseconds), and the gift's true propensity."""

    times: npt.NDArray[np.int64]
    propensities: npt.NDArray[np.float64]


class Told:
    """A model that knows the truth about whoever is asked about next."""

    lessons = 0
    version = "told"

    def __init__(self) -> None:
        self.evidence = Evidence()
        self.features = FeatureSchema(())
        self.truth = np.array([0.0, 1.0])

    def predict(
        self,
        features: Sequence[Value],  # the model's contract
        channel: str,
        actions: npt.NDArray[np.intp],
    ) -> npt.NDArray[np.float64]:
        """The truth about each of `actions`."""
        known: npt.NDArray[np.float64] = self.truth[actions]
        return known


def visits(seed: int, days: int, requests: int) -> Visits:
    """So many visits every day, most of them by day, a few at night."""
    chance = np.random.default_rng(seed)
    of_day = np.sort(chance.beta(3.0, 2.5, (days, requests)), axis=1)
    times = (_START + (of_day + np.arange(days)[:, None]) * DAY).astype(np.int64)
    return Visits(times.ravel(), chance.beta(1.0, 5.0, days * requests))


def book_of(cap: int, rule: str) -> RuleBook:
    """Two actions, of which `gift` is capped per day."""
    actions = _BOOK.format(cap=cap, rule=rule, gift=_GIFT, plain=_PLAIN).encode()
    files = {
        "attributes.yaml": _ATTRIBUTES,
        "policies.yaml": _POLICIES,
        "actions/all.yaml": actions,
    }
    loaded = load(files)
    if loaded.book is None:
        raise ValueError("\n".join(map(str, loaded.diagnostics)))
    return loaded.book


def earned(book: RuleBook, who: Visits) -> float:
    """The expected value of all that is shown to these visitors, one after the other."""
    model = Told()
    decider = Decider(book, model, lambda: 0.0)
    question = Question(CustomerId("x"), "web", (_AT,))
    total = 0.0
    for number, (now, truth) in enumerate(
        zip(who.times.tolist(), who.propensities.tolist(), strict=True)
    ):
        model.truth = np.array([truth, 1.0])
        given = Circumstances(
            DecisionId(f"d{number}"), Customer(CustomerId("x")), now, number, Budget(9.0, _no_time)
        )
        decision = decider.decide(question, given)
        decider.commit(decision)
        total += sum(o.value * o.propensity for o in decision.placements[0].offers)
    return total


def best(cap: int, who: Visits, days: int) -> float:
    """What the gift earns if each day it goes to those to whom it is worth most, the plain offer to others."""
    worth = np.sort(who.propensities.reshape(days, -1) * _GIFT - _PLAIN, axis=1)[:, ::-1][:, :cap]
    return float(np.maximum(worth, 0.0).sum() + _PLAIN * len(who.times))


def compared(seed: int, share: float, days: int, requests: int) -> tuple[float, float, float]:
    """Earned by first come, by the price, and at best, on the same visitors."""
    who, cap = visits(seed, days, requests), max(1, round(share * requests))
    first_come, priced = (earned(book_of(cap, rule), who) for rule in RULES)
    return first_come, priced, best(cap, who, days)


def interval(samples: Sequence[float]) -> tuple[float, float]:
    """The mean, and the half width of its 95 % interval over the seeds (normal approximation)."""
    spread = float(np.std(samples, ddof=1)) if len(samples) > 1 else 0.0
    return float(np.mean(samples)), 1.96 * spread / float(np.sqrt(len(samples)))


def main() -> None:
    """Prints what the price earns over first come, for caps from very scarce to not scarce."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("days", 5), ("requests", 4_000), ("seeds", 20)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    print(f"{asked.requests} requests a day, {asked.days} days, {asked.seeds} seeds")
    print("cap/requests   over first come     of the best possible: first come, price")
    for share in SHARES:
        runs = [compared(seed, share, asked.days, asked.requests) for seed in range(asked.seeds)]
        gain, half = interval([100 * (priced / first - 1) for first, priced, _ in runs])
        of_first = interval([100 * first / most for first, _, most in runs])[0]
        of_price = interval([100 * priced / most for _, priced, most in runs])[0]
        print(
            f"{share:12.0%}   {gain:+6.1f} % ± {half:.1f}      {of_first:5.1f} %  {of_price:5.1f} %"
        )


def _no_time() -> float:
    return 0.0


if __name__ == "__main__":
    main()
