"""Moments as Pega writes them."""

from datetime import UTC, datetime

from engine.model import SECOND, Micros


def stamp(moment: Micros) -> str:
    """A moment to the millisecond.

    >>> stamp(1_795_000_000_123_456)
    '20261118T110640.123 GMT'
    """
    whole, rest = divmod(moment, SECOND)
    told = datetime.fromtimestamp(whole, UTC).strftime("%Y%m%dT%H%M%S")
    return f"{told}.{rest // 1_000:03} GMT"


def file_stamp(moment: Micros) -> str:
    """A moment as it stands in the names of files.

    >>> file_stamp(1_795_000_000_123_456)
    '20261118T110640_GMT'
    """
    return f"{stamp(moment).partition('.')[0]}_GMT"
