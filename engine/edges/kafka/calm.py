"""Calm in the logs while Kafka is away: its clients say the same ten times a second."""

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY: Final = 10.0
"""Seconds in which a library says a thing once."""

_TALKATIVE: Final = ("aiokafka", "faust")


class Calm(logging.Filter):
    """Lets what Kafka's clients say pass once in `EVERY` seconds, whatever they fill in; all else passes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
        if record.name.partition(".")[0] not in _TALKATIVE:
            return True
        what, now = (record.name, str(record.msg)), self._clock()
        if now - self._said.get(what, float("-inf")) < EVERY:
            return False
        self._said[what] = now
        return True


def calm() -> None:
    """Has all handlers there are listen calmly."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Calm())
