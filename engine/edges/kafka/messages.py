"""The bytes of each topic's records: one byte that says what it is, then what `engine.codec` writes."""

from typing import Final, NamedTuple

from engine.codec import (
    Entry,
    EntryKind,
    decode_entry,
    decode_lessons,
    encode_entry,
    encode_lessons,
)
from engine.errors import DamagedData
from engine.model import CustomerId, Event, Lesson, ProfileUpdate

_LESSON: Final = 64
"""The byte before a lesson; entries of the log have that of their `EntryKind`. Stored: never changes."""


class Record(NamedTuple):
    """What is handed to Kafka."""

    topic: str
    key: bytes
    value: bytes


class Place(NamedTuple):
    """Where in the log of events an entry stands."""

    partition: int
    offset: int


class Taught(NamedTuple):
    """What an entry teaches, in this order, with the entry's place in the log of events."""

    place: Place
    lessons: tuple[Lesson, ...]


def customer_key(customer_id: CustomerId) -> bytes:
    """The key that keeps everything about a customer in one partition, in order."""
    return customer_id.encode()


def encode_message(entry: Entry) -> bytes:
    """An entry of the log."""
    kind, body = encode_entry(entry)
    return bytes((kind,)) + body


def decode_message(value: bytes) -> Event | ProfileUpdate:
    """The entry about a customer that `encode_message` wrote.

    Raises:
        DamagedData: these bytes are none.
        StorageError: they are of a version that this one cannot read.
    """
    entry = _entry(value)
    if isinstance(entry, Event | ProfileUpdate):
        sound = type(entry.customer_id) is str and type(entry.time) is int
        if sound:
            return entry
    raise DamagedData("it is no event and no profile update")


def encode_taught(taught: Taught) -> bytes:
    """What an entry teaches, with its place."""
    return bytes((_LESSON,)) + encode_lessons(taught.lessons, taught.place)


def decode_taught(value: bytes) -> "Taught | Entry":
    """The lessons, or the schema their features are in, that were written to the topic of lessons.

    Raises:
        DamagedData: these bytes are neither.
        StorageError: they are of a version that this one cannot read.
    """
    if value[:1] != bytes((_LESSON,)):
        return _entry(value)
    try:
        lessons, place = decode_lessons(value[1:])
        return Taught(Place(*place), lessons)
    except (ValueError, TypeError, IndexError) as error:
        raise DamagedData(f"it is no lesson: {error}") from error


def _entry(value: bytes) -> Entry:
    if not value or value[0] not in EntryKind.__members__.values():
        raise DamagedData("it begins with no kind of entry")
    try:
        return decode_entry(value[0], value[1:])
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise DamagedData(f"it cannot be read: {error}") from error
