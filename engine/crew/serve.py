"""Serve with a crew: the parent wired once, from the settings to the last server's end."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

import structlog

from engine.crew.crew import Crew
from engine.crew.members import Member, folder_of, members
from engine.crew.metrics import CrewMetrics
from engine.crew.port import held
from engine.edges.kafka.topics import brokers_of
from engine.edges.state.remains import refuse_embedded
from engine.edges.stream.left_behind import left_behind, send_left_behind
from engine.errors import InvalidInput, Violation
from engine.settings import Address, Settings
from engine.telemetry import exposed

_log = structlog.get_logger(__name__)

_AFTERWARDS: Final = 10.0
"""Seconds a server may take beyond those that calls in flight have, to write down what it holds."""


async def serve_with_crew(settings: Settings, announce: Callable[[str], object]) -> None:
    """Serves by `settings.workers` processes until SIGTERM or SIGINT, which is passed on.

    SIGHUP is passed on too: every server loads its rule book again. `announce` is told one line when
    all servers are ready.

    Raises:
        InvalidInput: the address or that of the metrics cannot be listened on, or the data directory is
            an embedded installation's.
        NotStarted: a server could not be started; it has said why.
    """
    arguments = (sys.executable, "-m", "engine", *sys.argv[1:])
    refuse_embedded(settings.data)
    patience = settings.linger + settings.grace + _AFTERWARDS
    with ExitStack() as stack:
        listen = stack.enter_context(held(settings.listen))
        servers = members(settings, listen, arguments, os.environ, os.getpid())
        crew = Crew(servers, patience)
        if settings.metrics is not None:
            places = {each.number: each.metrics for each in servers if each.metrics is not None}
            metrics = CrewMetrics(crew.standings, places)
            at = stack.enter_context(exposed(metrics, _named(settings.metrics), crew.unready))
            _log.info("metrics", url=f"http://{at}/metrics")
        loop = asyncio.get_running_loop()
        for sent in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sent, crew.stop)
        loop.add_signal_handler(signal.SIGHUP, crew.tell, signal.SIGHUP)
        sending = asyncio.create_task(_send_left_behind(settings, servers))
        stack.callback(sending.cancel)
        await crew.run(
            lambda: announce(f"attune is ready on {listen} ({settings.workers} servers)")
        )


async def _send_left_behind(settings: Settings, servers: Sequence[Member]) -> None:
    """Sends what servers have accepted that are not of this crew any more."""
    used = [folder_of(settings.data, server.number) for server in servers]
    await send_left_behind(left_behind(settings.data, used), brokers_of(settings.stream or ""))


def _named(metrics: Address) -> Address:
    """Raises InvalidInput where the system would pick a port: the servers' are those behind it."""
    if metrics.port == 0:
        wrong = "name a port: the servers' own metrics are on the ports behind it"
        raise InvalidInput([Violation("metrics", wrong)])
    return metrics
