"""Edge: what lies beneath an engine, on one machine or in a cluster; everything above is the same."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from engine.capsule import Capsules
from engine.contact.pending import Pending
from engine.edges.caps.port import CapsKeeper
from engine.edges.state.port import State
from engine.elsewhere import Elsewhere
from engine.learning.mind import Mind
from engine.model import CustomerId
from engine.telemetry import Figures, Gauge
from engine.triggers.lookout import Lookout
from engine.triggers.outbox import Left
from engine.triggers.outreach import Answering, Tally
from engine.triggers.scored import Scored

PROFILE_REST: Final = 2.0
"""Seconds the customer store is left alone after it failed three times running."""


def _nothing() -> Sequence[Gauge | Figures]:
    return ()


class Offers(Protocol):
    """The messages of triggers, where they are kept here."""

    def __call__(self, position: int, *, only_kept: bool) -> AsyncGenerator[Left, None]:
        """Those behind a position, in order; then, unless `only_kept`, each as it comes."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """What an edge that applies the log has for triggers.

    Attributes:
        lookout: watches the log being applied.
        offers: what was left by them.
        reaching: while it is open, what they ask for is decided and left; given who decides.
        tally: what became of it.
    """

    lookout: Lookout
    offers: Offers
    reaching: Callable[[Answering], AbstractAsyncContextManager[None]]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Edge:
    """All that an engine stands on. Whoever opened it closes it, after the engine has ended.

    Attributes:
        state: customers, the log and the decisions.
        mind: what was learned when the engine began.
        caps: what is left of every cap.
        capsules: seal tokens, and open them.
        pending: what was offered lately and not reported on.
        rest: seconds the customer store is left alone after it failed three times running.
        elsewhere: what other servers of the installation answered; None if there are none.
        gauges: what operations watch besides what every engine shows.
        outbound: what triggers need; None where the log is applied, and triggers are seen, elsewhere.
        offers_topic: where triggers' offers are published; empty where they are not.
        scored: what was said of a customer elsewhere when they last did something; None if nobody does.
    """

    state: State
    mind: Mind
    caps: CapsKeeper
    capsules: Capsules
    pending: Pending
    rest: float = PROFILE_REST
    elsewhere: Elsewhere | None = None
    gauges: Callable[[], Sequence[Gauge | Figures]] = _nothing
    outbound: Outbound | None = None
    offers_topic: str = ""
    scored: Callable[[CustomerId], Scored | None] | None = None
