"""Stopwatch: the moments at which a decision comes from one stage of its journey to the next."""

from typing import Final


class Stopwatch:
    """When the last decision came from one stage to the next, in seconds of a monotonic clock.

    An engine has one for all of its decisions: from `known` on nothing is waited for, so whoever answers
    reads it before another decision begins. What is waited for comes before that. A decision that explains
    itself takes longer, and has one of its own.

    Attributes:
        decision_id: whose moments these are; empty before the first.
        known: the customer was known.
        ruled: the rules had said what may be offered.
        scored: the propensities were there.
        arbitrated: what is offered was settled.
        recorded: it was sealed and handed to the log.
    """

    __slots__ = ("arbitrated", "decision_id", "known", "recorded", "ruled", "scored")

    def __init__(self) -> None:
        self.decision_id = ""
        self.known = self.ruled = self.scored = self.arbitrated = self.recorded = 0.0

    def took(self, began: float, parsed: float, ended: float) -> tuple[float, ...]:
        """Seconds of each of `engine.stages.STAGES`, of the decision whose moments these are.

        `began` is when its request was there, `parsed` when that was a question, `ended` when it was
        answered.
        """
        return (
            parsed - began,
            self.known - parsed,
            self.ruled - self.known,
            self.scored - self.ruled,
            self.arbitrated - self.scored,
            self.recorded - self.arbitrated,
            ended - self.recorded,
        )


UNREAD: Final = Stopwatch()
"""For decisions whose stages nobody asks about."""
