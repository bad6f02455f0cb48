"""The tally: what came back of all that was asked, kept apart by how it went."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.bench.latencies import Latencies
from engine.wire.decision_pb2 import DecideResponse, Degradation


@dataclass(slots=True)
class Tally:
    """Counts of one process for a while, or of all for all the time.

    Attributes:
        waited: from the moment a question was meant to be sent to its answer; good answers only.
        late: from that moment to when it was sent: what the generator itself is to blame for.
        recorded: from sending a response to knowing it is kept; kept ones only.
        failures: questions and responses without a good answer, by call and status.
        asked: questions sent.
        degraded: answers that say they left something out; good ones, but told apart.
        steps: what they left out, by step; one answer may name several.
        fallbacks: placements that got their fallback.
        placed: placements answered.
    """

    waited: Latencies = field(default_factory=Latencies)
    late: Latencies = field(default_factory=Latencies)
    recorded: Latencies = field(default_factory=Latencies)
    failures: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    degraded: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    fallbacks: int = 0
    placed: int = 0

    def sent(self, late: float) -> None:
        """A question was sent, so many seconds after it was meant to be."""
        self.asked += 1
        self.late.note(late)

    def answered(self, answer: DecideResponse, seconds: float) -> None:
        """A good answer came, so many seconds after its question was meant to be sent."""
        self.waited.note(seconds)
        self.placed += len(answer.placements)
        self.fallbacks += sum(placed.fallback for placed in answer.placements)
        if answer.degraded:
            self.degraded += 1
            self.steps.update(Degradation.Step.Name(skipped.step) for skipped in answer.degraded)

    def failed(self, call: str, status: str) -> None:
        """Something was asked and not answered well."""
        self.failures[f"{call} {status}"] += 1

    @property
    def unanswered(self) -> int:
        """Questions without a good answer."""
        return sum(n for what, n in self.failures.items() if what.startswith("Decide"))

    @property
    def responses_lost(self) -> int:
        """Responses that were not kept."""
        return sum(self.failures.values()) - self.unanswered

    def at(self, percent: float) -> float:
        """The seconds within which `percent` of all questions were answered well; infinite if they were not."""
        return self.waited.at(percent, never=self.unanswered)

    def add(self, other: "Tally") -> None:
        """Counts all that the other has counted."""
        for mine, theirs in (
            (self.waited, other.waited),
            (self.late, other.late),
            (self.recorded, other.recorded),
        ):
            mine.add(theirs)
        self.failures += other.failures
        self.steps += other.steps
        self.asked += other.asked
        self.degraded += other.degraded
        self.fallbacks += other.fallbacks
        self.placed += other.placed

    def to_dict(self) -> dict[str, Any]:
        """As plain data, from one process to another."""
        return {
            "waited": self.waited.encoded(),
            "late": self.late.encoded(),
            "recorded": self.recorded.encoded(),
            "failures": dict(self.failures),
            "asked": self.asked,
            "degraded": self.degraded,
            "steps": dict(self.steps),
            "fallbacks": self.fallbacks,
            "placed": self.placed,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Tally":
        """The tally that `to_dict` wrote down."""
        histograms = {
            name: Latencies.decoded(plain[name]) for name in ("waited", "late", "recorded")
        }
        counters = {name: Counter(plain[name]) for name in ("failures", "steps")}
        return cls(**{**plain, **histograms, **counters})
