"""Letters: what agents take out of a topic, and what becomes of those nobody can read or apply."""

from collections.abc import Callable
from typing import NamedTuple

import orjson

from engine.edges.kafka.messages import Place, Record
from engine.errors import DamagedData


class Letter(NamedTuple):
    """One record as it came, and whom to tell once nothing of it can get lost any more."""

    topic: str
    place: Place
    key: bytes
    value: bytes
    done: Callable[[], object]


class DeadLetter(NamedTuple):
    """A record that was set aside: where it came from, why, and its very bytes."""

    topic: str
    place: Place
    reason: str
    value: bytes


def set_aside(letter: Letter, reason: str, topic: str) -> Record:
    """What is put into the topic of dead letters: a line of JSON, then the very bytes that came."""
    head = {
        "topic": letter.topic,
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "reason": reason,
    }
    return Record(topic, letter.key, orjson.dumps(head) + b"\n" + letter.value)


def decode_dead_letter(value: bytes) -> DeadLetter:
    r"""The dead letter in a record.

    >>> letter = Letter("events", Place(1, 7), b"ada", b"\xffwhat\n", print)
    >>> decode_dead_letter(set_aside(letter, "unreadable", "dead").value)
    DeadLetter(topic='events', place=Place(partition=1, offset=7), reason='unreadable', value=b'\xffwhat\n')

    Raises:
        DamagedData: it is none.
    """
    head, _, original = value.partition(b"\n")
    try:
        told = orjson.loads(head)
        place = Place(told["partition"], told["offset"])
        return DeadLetter(told["topic"], place, told["reason"], original)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedData(f"this is no dead letter: {error}") from error
