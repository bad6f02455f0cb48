"""`attune serve`, but its clock is what the loop's thread has used of a processor.

So its metrics tell of each stage what it took of the processor, without what the thread waited for one, for the
interpreter or for Redis meanwhile. Reading that clock costs a tenth of a microsecond more, ten times a question.
Deadlines are by it too, and are so long that none passes, even where a hypervisor takes the processor away and it
counts as the thread's.
"""

import argparse
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Final, TextIO, cast

import uvloop

from engine.cli.serve import opener
from engine.edges.grpc.server import serve
from engine.engine import Sources
from engine.running.lines import Lines
from engine.settings import Budgets, Settings
from engine.telemetry import set_up_logs

SERVE: Final = ("benchmarks.profile.serve",)
"""What to run for it."""

_BUDGET: Final = 10.0


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rules", "data", "listen", "metrics", "stream", "state"):
        parser.add_argument(f"--{name}")
    settings = replace(Settings.of(**vars(parser.parse_args())), budgets=Budgets({}, _BUDGET))
    set_up_logs(settings.log_format, cast("TextIO", Lines(sys.stderr)))
    loop = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
    clock = partial(time.clock_gettime, loop)
    opened = partial(opener(settings), sources=Sources(monotonic=clock))
    uvloop.run(serve(settings, opened, partial(print, flush=True), clock))


if __name__ == "__main__":
    main()
