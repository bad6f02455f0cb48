"""Edge: what lies beneath an engine, on one machine or in a cluster; everything above is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.capsule import Capsules
from engine.contact.pending import Pending
from engine.edges.caps.port import CapsKeeper
from engine.edges.state.port import State
from engine.elsewhere import Elsewhere
from engine.mind import Mind
from engine.telemetry import Figures, Gauge

PROFILE_REST: Final = 2.0
"""Seconds the customer store is left alone after it failed three times running."""


def _nothing() -> Sequence[Gauge | Figures]:
    return ()


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
    """

    state: State
    mind: Mind
    caps: CapsKeeper
    capsules: Capsules
    pending: Pending
    rest: float = PROFILE_REST
    elsewhere: Elsewhere | None = None
    gauges: Callable[[], Sequence[Gauge | Figures]] = _nothing
