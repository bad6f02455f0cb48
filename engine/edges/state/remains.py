"""What a start finds in the data directory, looked over before anything new is put there."""

import logging
from pathlib import Path

from engine.capsule import KEY_FILE
from engine.edges.state.names import CAPS, DECISIONS, JOURNAL
from engine.errors import StorageError

log = logging.getLogger(__name__)


def look_over(directory: Path) -> None:
    """Refuses to begin anew beside what is left of an older service, and reports a lost token key.

    Raises:
        StorageError: the journal is gone and other files are still there.
    """
    journal = directory / JOURNAL
    begun = journal.is_file() and journal.stat().st_size > 0
    left = [name for name in (DECISIONS, CAPS, KEY_FILE) if (directory / name).exists()]
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
