"""The history of a run, as Jepsen keeps it: every request when it was made, every answer when it came.

Times are nanoseconds of one clock that all clients read. A request whose answer never came, or was an
error, may have been carried out or not, and even later on.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Told(StrEnum):
    """What a client was told of what it asked."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Send(NamedTuple):
    """An event about the customer, by its id."""

    event: str


class Put(NamedTuple):
    """A number in the customer's profile. One client writes it, and each time a greater one."""

    number: int


class Look(NamedTuple):
    """What does the service know of the customer?"""


class Picture(NamedTuple):
    """What is known of a customer: ids of events, each as often as it counts, and the number; 0 if none."""

    events: tuple[str, ...] = ()
    number: int = 0


@dataclass(slots=True)
class Call:
    """One request of one client to one server; `answer` is a picture if it was to look."""

    client: str
    server: str
    customer: str
    asked: Send | Put | Look
    begun: int
    ended: int | None = None
    answer: Told | Picture = Told.UNKNOWN


class Fault(NamedTuple):
    """What was done to the cluster, until it had recovered; `loses` if Redis came back with less."""

    name: str
    begun: int
    ended: int
    loses: bool = False


def write(path: Path, calls: Iterable[Call], faults: Iterable[Fault]) -> None:
    """Keeps a history as lines of JSON in the order of time, for whoever looks into a failure."""
    told = [{"asks": type(call.asked).__name__} | asdict(call) for call in calls]
    told += [fault._asdict() for fault in faults]
    told.sort(key=lambda line: line["begun"])
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
