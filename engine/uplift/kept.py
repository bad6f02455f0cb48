"""Uplift online, kept: all that was learned as bytes, beside what the propensities' learner keeps."""

import struct
from typing import Final

import numpy as np
import orjson

from engine.errors import StorageError
from engine.uplift.online import OnlineUplift

_FORMAT: Final = b"attune.mind/1\n"
_SIZE: Final = struct.Struct("<Q")


def joined(learner: bytes, uplift: OnlineUplift) -> bytes:
    """The learner's snapshot and what was learned of uplift; the first alone while that is nothing."""
    if not uplift.lessons:
        return learner
    header = orjson.dumps(uplift.state())
    numbers = [array.tobytes() for array in uplift.arrays()]
    return b"".join(
        (_FORMAT, _SIZE.pack(len(learner)), learner, _SIZE.pack(len(header)), header, *numbers)
    )


def parted(snapshot: bytes) -> tuple[bytes, OnlineUplift | None]:
    """The learner's snapshot, and what was learned of uplift; None if it was nothing.

    Raises:
        StorageError: the bytes are damaged or cut short.
    """
    if not snapshot.startswith(_FORMAT):
        return snapshot, None
    try:
        learner, rest = _taken(snapshot[len(_FORMAT) :])
        header, numbers = _taken(rest)
        uplift = OnlineUplift.restore(orjson.loads(header), np.frombuffer(numbers, dtype="<f8"))
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise StorageError("the snapshot of the model is damaged or cut short") from error
    return learner, uplift


def _taken(data: bytes) -> tuple[bytes, bytes]:
    """What stands behind its length, and what comes after."""
    (size,) = _SIZE.unpack_from(data)
    end = _SIZE.size + size
    if end > len(data):
        raise ValueError(f"{len(data) - _SIZE.size} bytes where {size} belong")
    return data[_SIZE.size : end], data[end:]
