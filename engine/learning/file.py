"""Learn: what was learned as bytes, a header of JSON and arrays of numbers after it."""

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from engine.errors import StorageError

_FORMAT: Final = b"attune.model/3\n"
_DAMAGED: Final = "the snapshot of the model is damaged or cut short"


def pack(header: Mapping[str, Any], arrays: Sequence[npt.NDArray[np.float64]]) -> bytes:
    """The bytes `unpack` reads.

    >>> header, (array,) = unpack(pack({"lessons": 2}, [np.eye(2)]))
    >>> header["lessons"], array.tolist()
    (2, [[1.0, 0.0], [0.0, 1.0]])
    """
    told = orjson.dumps({**header, "shapes": [array.shape for array in arrays]})
    size = struct.pack("<Q", len(told))
    return b"".join((_FORMAT, size, told, *[array.tobytes() for array in arrays]))


def unpack(snapshot: bytes) -> tuple[dict[str, Any], list[npt.NDArray[np.float64]]]:
    """The header and the arrays.

    Raises:
        StorageError: if these bytes are no snapshot this version wrote, or not all of one.
    """
    start = len(_FORMAT) + 8
    if not snapshot.startswith(_FORMAT) or len(snapshot) < start:
        raise StorageError("this is no snapshot of a model that this version can read")
    (size,) = struct.unpack_from("<Q", snapshot, len(_FORMAT))
    try:
        header = orjson.loads(memoryview(snapshot)[start : start + size])
    except orjson.JSONDecodeError as error:
        raise StorageError(_DAMAGED) from error
    numbers = memoryview(snapshot)[start + size :]
    sizes = [prod(shape) for shape in header["shapes"]]
    if numbers.nbytes != 8 * sum(sizes):
        raise StorageError(_DAMAGED)
    flat = np.split(np.frombuffer(numbers, dtype="<f8"), np.cumsum(sizes)[:-1])
    return header, [a.reshape(shape) for a, shape in zip(flat, header["shapes"], strict=True)]
