"""A customer's record as it lies in Redis: a mark of its content, then the customer, packed.

`mark` is 8 bytes of BLAKE2b over what follows. Two records with the same mark are the same, which is
what the swap in `scripts` compares; and what was damaged on the way no longer has its mark. Then comes
a byte that says how the rest is packed: 0 plain, 1 with zstandard, taken where it saves something.
"""

import threading
from hashlib import blake2b
from typing import Final, NamedTuple

import zstandard

from engine.codec import decode_customer, encode_customer
from engine.errors import DamagedData
from engine.model import Customer, CustomerId, EventId

MARK: Final = 8
"""Bytes of a record's mark."""

NO_MARK: Final = b""
"""The mark of a customer who has no record."""

_PLAIN: Final = b"\x00"
_PACKED: Final = b"\x01"
_WORTH_PACKING: Final = 1_024
_LARGEST: Final = 64 << 20
_LEVEL: Final = 1


class _Packing(threading.local):
    """What packs and unpacks; to make one takes longer than to use it, and no two threads may share it."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_packing: Final = _Packing()


class Held(NamedTuple):
    """A customer as Redis held them, with the mark of that record."""

    mark: bytes
    customer: Customer


def encode_record(customer: Customer) -> bytes:
    """The record of a customer."""
    body = encode_customer(customer)
    rest = _PLAIN + body
    if len(body) >= _WORTH_PACKING:
        rest = min(rest, _PACKED + _packing.compress(body), key=len)
    return _marked(rest)


def decode_record(customer_id: CustomerId, record: bytes | None) -> Held:
    """The customer in a record; a fresh one if there is no record.

    Raises:
        DamagedData: the record makes no sense, or is another customer's.
    """
    if record is None:
        return Held(NO_MARK, Customer(customer_id))
    rest = record[MARK:]
    if _marked(rest) != record:
        raise _damaged(customer_id, "it does not have its mark")
    try:
        customer = decode_customer(_unpacked(rest))
    except (ValueError, TypeError, AttributeError, zstandard.ZstdError) as error:
        raise _damaged(customer_id, str(error)) from error
    if customer.customer_id != customer_id:
        raise _damaged(customer_id, "it is another customer's")
    return Held(record[:MARK], customer)


def event_mark(event_id: EventId) -> bytes:
    """What is kept of an event's id: 12 bytes, alike for two of a million ids with a chance of 1e-17."""
    return blake2b(event_id.encode(), digest_size=12).digest()


def _marked(rest: bytes) -> bytes:
    return blake2b(rest, digest_size=MARK).digest() + rest


def _unpacked(rest: bytes) -> bytes:
    if rest[:1] == _PLAIN:
        return rest[1:]
    packed = rest[1:]
    size = zstandard.frame_content_size(packed)
    if size > _LARGEST:
        raise ValueError(f"it says that it holds {size:,} bytes")
    if size < 0:  # it does not say how much it holds
        return _packing.decompress(packed, max_output_size=_LARGEST)
    return _packing.decompress(packed)


def _damaged(customer_id: CustomerId, why: str) -> DamagedData:
    return DamagedData(f"the record of customer {customer_id!r} in Redis is damaged: {why}")
