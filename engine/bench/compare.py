"""The comparison: a run beside an earlier one, as ratios, and whether the two may be compared at all."""

from dataclasses import dataclass

from engine.bench.report import Report


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of both runs; `ratio` is now / earlier, None where the earlier one is 0."""

    name: str
    earlier: float
    now: float
    ratio: float | None


def changes(earlier: Report, now: Report) -> list[Change]:
    """Latency (ms), answers a second, and the shares of errors and degraded answers."""
    found = [
        _change(f"{name}, ms", earlier.latency_ms[name], milliseconds)
        for name, milliseconds in now.latency_ms.items()
        if name in earlier.latency_ms
    ]
    found.append(_change("answers a second", earlier.rate, now.rate))
    found.append(_change("without an answer, %", _lost(earlier), _lost(now)))
    found.append(_change("degraded, %", _degraded(earlier), _degraded(now)))
    return found


def unlike(earlier: Report, now: Report) -> list[str]:
    """What was asked for differently, one sentence each; empty if the runs are alike."""
    told = [
        f"{name} was {earlier.load.get(name)}, is {value}"
        for name, value in now.load.items()
        if earlier.load.get(name) != value
    ]
    if earlier.machine != now.machine:
        told.append(f"the clients ran on {earlier.machine}, now on {now.machine}")
    return told


def _change(name: str, earlier: float, now: float) -> Change:
    return Change(name, earlier, now, now / earlier if earlier else None)


def _lost(report: Report) -> float:
    return 100 * (1 - report.answered / report.asked) if report.asked else 0.0


def _degraded(report: Report) -> float:
    return 100 * report.degraded / report.answered if report.answered else 0.0
