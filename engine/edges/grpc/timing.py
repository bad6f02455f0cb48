"""Timing: the stages of every decision are counted, and some decisions are told of in the log."""

from typing import Any, Final

import structlog

from engine.model import Decision
from engine.settings import Settings
from engine.stages import STAGES
from engine.stopwatch import Stopwatch
from engine.telemetry import Meter

AT_MOST_EVERY: Final = 0.1
"""Seconds between two lines on slow decisions: where all are slow, lines would make them slower."""

_log = structlog.get_logger(__name__)


class Timing:
    """Counts every decision by its stages, and tells of a share of them, and of slow ones, in the log.

    `stopwatch` is the engine's. Of what the log is told, nothing is a customer's: the decision's id finds
    the rest (`attune decision`).
    """

    __slots__ = ("_meter", "_next", "_owed", "_share", "_silent", "_slower", "_stopwatch")

    def __init__(self, stopwatch: Stopwatch, meter: Meter, settings: Settings) -> None:
        self._stopwatch = stopwatch
        self._meter = meter
        self._share = settings.trace_share
        self._slower = settings.trace_slower or float("inf")
        self._owed = 0.0
        self._next = 0.0
        self._silent = 0

    def note(self, decision: Decision, began: float, parsed: float, ended: float) -> None:
        """Counts a decision that was answered; `began`, `parsed` and `ended` as in `Stopwatch.took`.

        One that was made before, and answered from the log now, has no stages.
        """
        if decision.decision_id != self._stopwatch.decision_id:
            return
        took = self._stopwatch.took(began, parsed, ended)
        self._meter.staged(decision.channel, took)
        self._owed += self._share
        if self._owed >= 1.0:
            self._owed -= 1.0
            self._tell(decision, took, "sampled")
        elif ended - began > self._slower:
            self._tell_slow(decision, took, ended)

    def _tell_slow(self, decision: Decision, took: tuple[float, ...], now: float) -> None:
        if now < self._next:
            self._silent += 1
            return
        self._next = now + AT_MOST_EVERY
        self._tell(decision, took, "slow", untold=self._silent)
        self._silent = 0

    def _tell(self, decision: Decision, took: tuple[float, ...], why: str, **more: Any) -> None:
        grounds = decision.grounds
        _log.info(
            "decision.trace",
            why=why,
            decision_id=decision.decision_id,
            channel=decision.channel,
            placements=[placed.placement for placed in decision.placements],
            us={stage: round(s * 1e6, 1) for stage, s in zip(STAGES, took, strict=True)},
            eligible=0 if grounds is None else sum(len(e.treatments) for e in grounds.entered),
            candidates=sum(len(contest.actions) for contest in decision.contests),
            offers=sum(len(p.offers) for p in decision.placements if not p.fallback),
            degraded=[f"{step.name.lower()}: {reason}" for step, reason in decision.degraded],
            rulebook=decision.rulebook_version,
            **more,
        )
