"""Names: the kernel calls the service's threads as Python does, so that `top -H` shows what each of them costs."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_LONGEST: Final = 15


def name_this_thread() -> None:
    """Has Linux know the calling thread by its name, of which it keeps the first 15 bytes.

    Python before 3.14 keeps that to itself. Where there is no `/proc`, or it may not be written to,
    nothing is done.
    """
    thread = threading.current_thread()
    with suppress(OSError):
        known_as = Path(f"/proc/self/task/{thread.native_id}/comm")
        known_as.write_bytes(thread.name.encode()[:_LONGEST])
