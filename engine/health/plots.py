"""Plots: what the models did as pictures, each as PNG and all on one page of HTML.

Drawn by matplotlib, which the extra `plots` installs.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.errors import InvalidInput, StorageError, Violation
from engine.health import limits
from engine.health.health import Health
from engine.health.limits import Severity
from engine.health.measures import Numbers, calibration, gains, rate
from engine.health.models import by_model
from engine.health.page import page
from engine.health.seen import Seen
from engine.model import SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE: Final = (7.5, 5.0)
_DPI: Final = 120
_LINES: Final = 5
_SLICES: Final = 24
_LABELS: Final = 12
_BIGGEST: Final = 900.0
_COLOURS: Final = {
    Severity.GOOD: "#2f7d4f",
    Severity.UNTOLD: "#8a8f98",
    Severity.WARNING: "#d08a1d",
    Severity.CRITICAL: "#b3261e",
}


def require_library() -> None:
    """Makes sure that plots can be drawn.

    Raises:
        InvalidInput: matplotlib is not installed; says how to install it.
    """
    if find_spec("matplotlib") is None:
        raise InvalidInput(
            [Violation("--plots", "needs matplotlib: install it with pip install 'attune[plots]'")]
        )


def draw(health: Health, into: Path) -> tuple[Path, ...]:
    """Draws every plot there is something to show in; returns the files, the page last.

    Raises:
        InvalidInput: matplotlib is not installed.
        StorageError: the files cannot be written.
    """
    require_library()
    pictures: list[tuple[str, Path]] = []
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, (title, plot) in _PLOTS.items():
            if health.lessons.offers:
                path = into / f"{name}.png"
                _figure(title, plot, health).savefig(path, dpi=_DPI)
                pictures.append((title, path))
        whole = into / "health.html"
        whole.write_text(page(health, pictures), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{into} cannot be written: {error.strerror}") from error
    return (*(path for _, path in pictures), whole)


def _figure(title: str, plot: "Callable[[Health, Axes], None]", health: Health) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.25)
    plot(health, axes)
    return figure


def _calibration(health: Health, axes: "Axes") -> None:
    """What was expected against what came, in bins; on the diagonal propensities mean what they say."""
    for place, (label, propensities, rewards) in enumerate(_series(health)):
        bins = calibration(propensities, rewards).bins
        expected = [one.expected for one in bins]
        observed = [one.observed.value for one in bins]
        if place == 0:
            low = [one.observed.value - one.observed.low for one in bins]
            high = [one.observed.high - one.observed.value for one in bins]
            axes.errorbar(
                expected, observed, yerr=[low, high], fmt="o-", color="black", label=label
            )
        else:
            axes.plot(expected, observed, ".-", alpha=0.6, label=label)
    axes.axline((0.0, 0.0), slope=1.0, color="grey", linestyle=":")
    axes.set_xlabel("expected: mean propensity at the decision")
    axes.set_ylabel("observed: mean reward by now (95 %)")
    axes.legend(fontsize="small")


def _gains(health: Health, axes: "Axes") -> None:
    """What share of all successes the most likely offers hold; on the diagonal the model tells nothing."""
    for place, (label, propensities, rewards) in enumerate(_series(health)):
        shares, taken = gains(propensities, rewards)
        style = {"color": "black", "linewidth": 2.0} if place == 0 else {"alpha": 0.6}
        axes.plot(shares, taken, label=label, **style)
    axes.plot([0.0, 1.0], [0.0, 1.0], color="grey", linestyle=":")
    axes.set_xlabel("share of offers, the most likely first")
    axes.set_ylabel("share of all successes")
    axes.legend(fontsize="small")


def _reliability(health: Health, axes: "Axes") -> None:
    """Expected and observed success over time: where the lines part, the model lags behind."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    seen = list(health.lessons.offers.values())
    times = np.array([one.exposure.decided_at for one in seen], dtype=np.float64)
    propensities, rewards = _numbers(seen)
    edges = np.linspace(times.min(), times.max(), min(_SLICES, max(1, len(seen) // 20)) + 1)
    where = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    slices = np.unique(where)
    middles = (edges[slices] + edges[slices + 1]) / 2.0
    moments = (middles / SECOND).astype("datetime64[s]")
    observed = [
        rate(float(rewards[where == one].sum()), int((where == one).sum())) for one in slices
    ]
    axes.plot(
        moments, [propensities[where == one].mean() for one in slices], "--", label="expected"
    )
    axes.plot(moments, [one.value for one in observed], "-", color="black", label="observed (95 %)")
    axes.fill_between(
        moments,
        [one.low for one in observed],
        [one.high for one in observed],
        color="black",
        alpha=0.12,
    )
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # matplotlib's
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]  # matplotlib's
    axes.xaxis.set_major_formatter(formatter)
    axes.set_ylabel("success rate")
    axes.legend(fontsize="small")


def _models(health: Health, axes: "Axes") -> None:
    """Each model by its AUC, its success rate and how often it was shown (the bubble's area)."""
    known = [model for model in health.models if model.auc is not None]
    most = max((model.offers for model in known), default=1)
    axes.axvspan(limits.AUC.low, limits.AUC.high, color=_COLOURS[Severity.GOOD], alpha=0.07)
    named: list[tuple[float, float]] = []
    for model in known:
        area = 12.0 + _BIGGEST * model.offers / most
        colour = _COLOURS[model.severities["auc"]]
        at = (model.auc.value if model.auc else 0.5, model.success.value)
        axes.scatter(*at, s=area, color=colour, alpha=0.55, edgecolors="white")
        if len(named) < _LABELS and all(_apart(at, other) for other in named):
            axes.annotate(str(model.key), at, fontsize="x-small", ha="center", va="center")
            named.append(at)
    axes.axvline(0.5, color="grey", linestyle=":")
    axes.set_xlabel("AUC (the band is what is usual)")
    axes.set_ylabel("success rate")


def _apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two labels would not be written over each other."""
    return abs(one[0] - other[0]) > 0.15 or abs(one[1] - other[1]) > 0.025


_PLOTS: "Final[dict[str, tuple[str, Callable[[Health, Axes], None]]]]" = {
    "models": ("Models by AUC, success rate and volume", _models),
    "calibration": ("Do propensities mean what they say?", _calibration),
    "gains": ("What following the propensities gains", _gains),
    "reliability": ("Expected and observed success over time", _reliability),
}


def _series(health: Health) -> Iterator[tuple[str, Numbers, Numbers]]:
    """All offers together, then those of the busiest models, with propensities and rewards."""
    yield ("all offers", *_numbers(list(health.lessons.offers.values())))
    offers = by_model(health.lessons.offers.values())
    for model in health.models[:_LINES]:
        yield (str(model.key), *_numbers(offers[model.key]))


def _numbers(seen: Sequence[Seen]) -> tuple[Numbers, Numbers]:
    propensities = np.array([one.exposure.propensity for one in seen])
    return propensities, np.array([one.reward for one in seen])
