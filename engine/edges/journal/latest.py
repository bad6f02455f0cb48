"""The offers of the last moments, in a file mapped into memory: the death of the process keeps them.

The log of decisions is written a moment after the answer. What a contact policy counts must not be
lost with that moment, so each decision's offers are put here before it is returned; that costs no call
to the system and waits for nothing. A power failure may take what is here.
"""

import mmap
import os
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import Any, Final
from zlib import crc32

import orjson

from engine.contact.pending import Returned
from engine.edges.journal.database import storage_errors

HALF: Final = 2 << 20
"""Bytes of each of the two halves: some 10,000 decisions."""

_GENERATION: Final = Struct("<Q")
_HEAD: Final = Struct("<II")


class LatestOffers:
    """Notes offers in one half of a file until it is full, then in the other, over what is older.

    Attributes:
        found: what the process before has noted, the oldest first.

    Raises:
        StorageError: the file cannot be made as large as it needs to be, or mapped.
    """

    def __init__(self, path: Path, half: int = HALF) -> None:
        self._half = half
        with storage_errors(path):
            self._memory = _mapped(path, 2 * half)
        halves = sorted((self._read(start) for start in (0, half)), key=itemgetter(0))
        self.found = [Returned.of(row) for _, rows in halves for row in rows]
        self._generation = halves[-1][0]
        self._start = self._at = 0

    def begin(self) -> None:
        """Lets go of what was found and begins anew; to be called once it is kept elsewhere."""
        self.found = []
        for start in (0, self._half):
            self._open(start)
        self._open(0)

    def note(self, returned: Returned) -> None:
        """Keeps these offers; those of more than half the file ago may be let go."""
        body = orjson.dumps(tuple(returned))
        end = self._at + _HEAD.size + len(body)
        if end > self._start + self._half:
            self._open(self._half - self._start)
            end = self._at + _HEAD.size + len(body)
            if end > self._start + self._half:
                return
        self._memory[self._at + _HEAD.size : end] = body
        _HEAD.pack_into(self._memory, self._at, len(body), crc32(body, self._generation))
        self._at = end

    def close(self) -> None:
        """Lets go of the file."""
        self._memory.close()

    def _open(self, start: int) -> None:
        self._generation = (self._generation + 1) % (1 << 32)
        _GENERATION.pack_into(self._memory, start, self._generation)
        self._start = start
        self._at = start + _GENERATION.size

    def _read(self, start: int) -> tuple[int, list[Any]]:
        """A half's generation and its rows, up to the first that is not whole or of an older one."""
        (generation,) = _GENERATION.unpack_from(self._memory, start)
        at, rows = start + _GENERATION.size, []
        while at + _HEAD.size <= start + self._half:
            length, checksum = _HEAD.unpack_from(self._memory, at)
            at += _HEAD.size
            body = self._memory[at : at + length]
            if not length or at + length > start + self._half:
                break
            if crc32(body, generation & 0xFFFF_FFFF) != checksum:
                break
            rows.append(orjson.loads(body))
            at += length
        return generation, rows


def _mapped(path: Path, size: int) -> mmap.mmap:
    """The file in memory, with all its room on the disk: where it has none, writing would end the process."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(file, 0o600)
        os.posix_fallocate(file, 0, size)
        return mmap.mmap(file, size)
    finally:
        os.close(file)
