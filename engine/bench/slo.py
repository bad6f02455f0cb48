"""The SLO: limits of latency and of errors, and whether a run kept them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.bench.tally import Tally
from engine.rulebook.names import did_you_mean

_UNITS: Final = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|µs|ms|s)")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_USUAL: Final = ("p50", "p90", "p95", "p99", "p99.9", "max", "errors", "degraded")


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: `name` as written; `most` in seconds, or a share in [0, 1]."""

    name: str
    most: float
    is_share: bool
    measured: Callable[[Tally], float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured against a limit, both as people write them."""

    name: str
    limit: str
    measured: str
    kept: bool


def parse(text: str) -> tuple[Limit, ...]:
    """Reads limits such as `p99=20ms,errors=0.1%`. Raises ValueError with what would be right.

    Latency has a percentile or `max` and a time with its unit; `errors` (questions without a good
    answer) and `degraded` (of good answers) have a share in percent.
    """
    return tuple(_limit(part.strip()) for part in text.split(","))


def _limit(part: str) -> Limit:
    name, equals, most = (word.strip() for word in part.partition("="))
    if not equals:
        raise ValueError(f"{part!r} is no limit, e.g. p99=20ms or errors=0.1%")
    if name in _SHARES:
        found = _SHARE.fullmatch(most)
        if found is None:
            raise ValueError(f"{name}={most}: must be a share such as 0.1%")
        return Limit(name, float(found[1]) / 100, True, _SHARES[name])
    measured = _latency(name)
    found = _DURATION.fullmatch(most)
    if found is None:
        raise ValueError(f"{name}={most}: must be a time such as 20ms (us, ms, s)")
    return Limit(name, float(found[1]) * _UNITS[found[2]], False, measured)


def _latency(name: str) -> Callable[[Tally], float]:
    if name == "max":
        return lambda tally: tally.at(100)
    percentile = _PERCENTILE.fullmatch(name)
    if percentile is None:
        raise ValueError(f"{name!r} is not one of {', '.join(_USUAL)}.{did_you_mean(name, _USUAL)}")
    percent = float(percentile[1])
    return lambda tally: tally.at(percent)


def judge(limits: tuple[Limit, ...], tally: Tally) -> tuple[Verdict, ...]:
    """Each limit against what was measured; where nothing was answered, none is kept."""
    return tuple(_judged(limit, tally) for limit in limits)


def _judged(limit: Limit, tally: Tally) -> Verdict:
    measured = limit.measured(tally)
    kept = tally.waited.count > 0 and measured <= limit.most
    told = _percent if limit.is_share else milliseconds
    return Verdict(limit.name, told(limit.most), told(measured), kept)


def milliseconds(seconds: float) -> str:
    """A latency as people read it; "never" if it is infinite.

    >>> milliseconds(0.0012345), milliseconds(float("inf"))
    ('1.23 ms', 'never')
    """
    return "never" if seconds == float("inf") else f"{seconds * 1e3:,.2f} ms"


def _percent(share: float) -> str:
    return f"{share:.3%}"


def _errors(tally: Tally) -> float:
    return tally.unanswered / tally.asked if tally.asked else 1.0


def _degraded(tally: Tally) -> float:
    return tally.degraded / tally.waited.count if tally.waited.count else 0.0


_SHARES: Final[dict[str, Callable[[Tally], float]]] = {"errors": _errors, "degraded": _degraded}
