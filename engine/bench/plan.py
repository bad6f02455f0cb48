"""The plan: how much load, of which kind, for how long; the same value in every process."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.wire.decision_pb2 import DecideRequest


@dataclass(frozen=True, slots=True)
class Page:
    """What one visit asks for: placements of one channel, and how often it is asked beside others.

    `weight` is positive; what counts is its share in the sum of all pages' weights.
    """

    channel: str
    placements: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        server: `HOST:PORT`.
        tls_ca: certificates to trust, in PEM; None speaks without TLS.
        rate: questions a second, of all processes together.
        seconds: how long is measured.
        warm_up: seconds of the same load before, which are not counted.
        processes: client processes, each with `rate / processes`.
        stream: over one `DecideStream` a process instead of a call each.
        budget_ms: the latency budget of each question; 0 leaves the channel's default.
        pages: what is asked for; at least one.
        customers: ids, or how many are made up (`bench-0`, `bench-1`, …).
        responses: the share of answers that a response follows, in [0, 1].
        template: what every question has besides: context, dry_run.
        seed: of arrivals, customers, pages and responses.
    """

    server: str
    tls_ca: str | None
    rate: float
    seconds: float
    warm_up: float
    processes: int
    stream: bool
    budget_ms: int
    pages: tuple[Page, ...]
    customers: tuple[str, ...] | int
    responses: float
    template: DecideRequest
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for a process or a report."""
        plain = asdict(self)
        plain["template"] = b64encode(self.template.SerializeToString()).decode()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Plan":
        """The plan that `to_dict` wrote down."""
        pages = tuple(
            Page(page["channel"], tuple(page["placements"]), page["weight"])
            for page in plain["pages"]
        )
        people = plain["customers"]
        customers = people if isinstance(people, int) else tuple(people)
        template = DecideRequest.FromString(b64decode(plain["template"]))
        return cls(**{**plain, "pages": pages, "customers": customers, "template": template})
