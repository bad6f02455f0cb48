"""What a start finds in the data directory, looked over before anything new is put there."""

import logging
from pathlib import Path

from engine.capsule import KEY_FILE
from engine.edges.state.names import CAPS, DECISIONS, JOURNAL, SPOOL
from engine.errors import InvalidInput, StorageError, Violation

log = logging.getLogger(__name__)


def look_over(directory: Path) -> None:
    """Refuses to begin anew beside what is left of an older service, and reports a lost token key.

    Raises:
        InvalidInput: the directory is that of a cluster's servers.
        StorageError: the journal is gone and other files are still there.
    """
    journal = directory / JOURNAL
    begun = journal.is_file() and journal.stat().st_size > 0
    left = [name for name in (DECISIONS, CAPS, KEY_FILE) if (directory / name).exists()]
    if not begun and _of_a_cluster(directory):
        wrong = (
            f"{directory} is the directory of a cluster's server, whose customers and model are in Redis"
            " and Kafka: start it with --stream and --state, or name another directory to begin anew"
        )
        raise InvalidInput([Violation("data", wrong)])
    if not begun and left:
        raise StorageError(
            f"{journal} is missing or empty, but {' and '.join(left)} of an earlier run is there: "
            f"restore {JOURNAL} from a copy, or move {directory} away to begin with nothing"
        )
    if begun and KEY_FILE not in left:
        log.warning(
            "%s is missing and made anew: tokens given out before can no longer be read, responses "
            "that carry one are rejected; restore it if there is a copy",
            directory / KEY_FILE,
        )


def refuse_embedded(directory: Path) -> None:
    """Refuses to begin a cluster's server where an embedded installation is, as if that were not there.

    Raises:
        InvalidInput: there is one.
    """
    if (directory / JOURNAL).is_file():
        wrong = (
            f"{directory} is the data of an embedded installation ({JOURNAL} is there), which a cluster"
            f" does not read: move it with `attune migrate --data {directory} --stream … --state …`,"
            " which leaves it as it is, and start servers and workers on other directories"
        )
        raise InvalidInput([Violation("data", wrong)])


def _of_a_cluster(directory: Path) -> bool:
    """Whether a cluster's server has used it, or a crew of them its folders."""
    return any((each / SPOOL).is_file() for each in (directory, *directory.glob("server-*")))
