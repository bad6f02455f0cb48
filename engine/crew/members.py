"""Members of a crew: what each server is started with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.settings import END_WITH_PARENT, MEMBER, Address, Settings

_SHARE_PORT: Final = "ATTUNE_SHARE_PORT"


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a crew.

    Attributes:
        number: from 1.
        command: the program and its arguments.
        environment: all of its variables.
        metrics: where it serves its metrics; None for nowhere.
    """

    number: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    metrics: Address | None = None


def members(
    settings: Settings,
    listen: Address,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    parent: int,
) -> tuple[Member, ...]:
    """The servers of a crew, each like the parent but for what only one process may have.

    Each has a folder of its own in the data directory, and its metrics on the parent's port plus its
    number. `arguments` is the command line the parent was started with, its program first; what is
    added behind comes later on the line, and so wins.
    """
    shared = {**environment, END_WITH_PARENT: str(parent), _SHARE_PORT: "yes"}
    return tuple(
        Member(
            number,
            (*arguments, *_own(settings, listen, number)),
            {**shared, MEMBER: str(number)},
            metrics_of(settings.metrics, number),
        )
        for number in range(1, settings.workers + 1)
    )


def folder_of(data: Path, number: int) -> Path:
    """What one server alone keeps.

    >>> folder_of(Path("data"), 2).as_posix()
    'data/server-2'
    """
    return data / f"server-{number}"


def metrics_of(parent: Address | None, number: int) -> Address | None:
    """Where a server serves its own metrics, beside its parent.

    >>> str(metrics_of(Address("127.0.0.1", 9100), 2))
    '127.0.0.1:9102'
    """
    return None if parent is None else Address(parent.host, parent.port + number)


def _own(settings: Settings, listen: Address, number: int) -> tuple[str, ...]:
    data = folder_of(settings.data, number)
    metrics = metrics_of(settings.metrics, number)
    shown = () if metrics is None else ("--metrics", str(metrics))
    return ("--workers", "1", "--listen", str(listen), "--data", str(data), *shown)
