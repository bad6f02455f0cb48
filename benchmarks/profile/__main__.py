"""Where the processor time of a question goes in a live server, and what each target of speed is limited by.

The service, in a process of its own, and a bare echo are asked in turn by grpc's asyncio client: by call and on a
stream, one question at a time and sixteen under way. Told is, per question, what each thread of the service used
(/proc/PID/task/*/schedstat), what of it the loop's thread used in each stage of a decision (attune_stage_seconds, of a
service whose clock is that thread's processor time: benchmarks/profile/serve.py), what is left of it for transport,
event loop and system calls, what the echo uses, and how long the client waits. From that follows, for each target, what
it would come to were deciding free, and the most that deciding may take. Linux only.

examples:
  python -m benchmarks.profile                      about a minute
  python -m benchmarks.profile --redis              and by a server of a cluster, customers in Redis
  python -m benchmarks.profile --into profile.md    the tables as Markdown, too
  python -m benchmarks.profile --quick --format json
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import floor
from benchmarks.clustered import clustered
from benchmarks.profile.bounds import EMBEDDED, IN_REDIS, Bound, bounds
from benchmarks.profile.cost import Cost
from benchmarks.profile.rounds import STEP, UNDER_WAY, Course, measure
from benchmarks.profile.table import Told, drawn, limits, markdown, profile
from benchmarks.targets.process import machine
from tools.brokers.install import NotInstalled
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

USUAL: Final = Course(rounds=30, calls=240)
QUICK: Final = Course(rounds=3, calls=64)
_OVERLAPS: Final = frozenset({"profile"})


class Found(NamedTuple):
    """All that a run found: what questions cost, in process and, if it was asked for, by a cluster's server."""

    embedded: list[Cost]
    in_redis: list[Cost]

    @property
    def bounds(self) -> list[Bound]:
        """What limits each target."""
        found = bounds(self.embedded, EMBEDDED)
        if self.in_redis:
            deciding = {one.way: one.decision for one in self.embedded if one.under_way == 1}
            found += bounds(self.in_redis, IN_REDIS, deciding)
        return found

    def tables(self, *, wide: bool) -> list[Told]:
        """Everything, as tables; those that are not `wide` fit a terminal."""
        told = [("customers in process", self.embedded)]
        if self.in_redis:
            told.append(("customers in Redis, by a server of a cluster", self.in_redis))
        parts = [(title, part) for title, costs in told for part in _parts(costs, wide=wide)]
        return [*(profile(title, part) for title, part in parts), limits(self.bounds)]


def _parts(costs: list[Cost], *, wide: bool) -> list[list[Cost]]:
    """What goes into one table each: everything, or what had as many questions under way."""
    if wide:
        return [costs]
    return [[one for one in costs if one.under_way == under_way] for under_way in UNDER_WAY]


def main() -> None:
    """Measures, prints, writes."""
    asked = _arguments()
    _require_linux()
    if asked.redis:
        _require_brokers()
    on = machine()
    course = QUICK if asked.quick else Course(asked.rounds, asked.calls)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:  # fmt: skip
        found = run(
            course, lambda what: _steps(bar, what, course.steps), with_redis=bool(asked.redis)
        )
    if asked.into:
        asked.into.parent.mkdir(parents=True, exist_ok=True)
        asked.into.write_text(_page(found, on))
    if asked.format == "json":
        print(json.dumps(to_dict(found, on)))
        return
    console = Console()
    console.print(f"on {on}", highlight=False)
    for told in found.tables(wide=False):
        console.print(drawn(told), highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profile",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--redis", action="store_true", help="measure a server of a cluster as well"
    )
    parser.add_argument("--quick", action="store_true", help="too short to judge by; to try it out")
    parser.add_argument("--rounds", type=_at_least_one, default=USUAL.rounds, metavar="N")
    parser.add_argument(
        "--calls", type=_calls, default=USUAL.calls, metavar="N",
        help=f"of each way in each round, a multiple of {STEP} (default {USUAL.calls})",
    )  # fmt: skip
    parser.add_argument("--into", type=Path, metavar="FILE.md", help="write the tables there")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def _calls(text: str) -> int:
    if _at_least_one(text) % STEP:
        raise argparse.ArgumentTypeError(f"{text} is not a multiple of {STEP}")
    return int(text)


def _require_linux() -> None:
    if sys.platform != "linux":
        raise SystemExit(
            "the profile is read from /proc, which only Linux has: run it there, or in a container"
        )


def _require_brokers() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            Redis(Path(scratch) / "redis")
            Kafka(Path(scratch) / "kafka")
        except NotInstalled as absent:
            raise SystemExit(f"--redis needs a Redis and a Kafka of its own: {absent}") from None


def _steps(bar: Progress, what: str, steps: int) -> Callable[[], None]:
    task = bar.add_task(what, total=steps)
    return lambda: bar.advance(task)


def run(
    course: Course, begin: Callable[[str], Callable[[], None]], *, with_redis: bool = False
) -> Found:
    """Measures; `begin` is told what is next, and is given a step for each round."""
    embedded = uvloop.run(measure(course, begin("customers in process")))
    if not with_redis:
        return Found(embedded, [])
    with (
        tempfile.TemporaryDirectory() as scratch,
        clustered(Path(scratch), floor.COPIES["read"]) as options,
    ):
        step = begin("customers in Redis")
        return Found(embedded, uvloop.run(measure(course, step, options, _OVERLAPS)))


def to_dict(found: Found, on: str) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "machine": on,
        "embedded": [one.to_dict() for one in found.embedded],
        "in_redis": [one.to_dict() for one in found.in_redis],
        "bounds": [one.to_dict() for one in found.bounds],
    }


def _page(found: Found, on: str) -> str:
    tables = (f"**{told.title}**\n\n{markdown(told)}" for told in found.tables(wide=True))
    return "\n".join([f"Measured on: {on}.\n", *tables])


if __name__ == "__main__":
    main()
