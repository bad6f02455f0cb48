"""Ending: a book that nobody decides by any more is let go a little at a time."""

import threading
import time
from collections.abc import Callable
from typing import Final

from engine.rulebook.book import RuleBook, dissolve
from engine.running.named import name_this_thread
from engine.running.slices import giving_way

_AT_ONCE: Final = 16
_LATER: Final = 0.5
"""Seconds until nobody has the book in hand any more who compares it with the one after it."""


def let_go(book: RuleBook) -> None:
    """Frees a book of which this is the last user, by a thread.

    Of 2,000 actions it is some hundred thousand objects; the interpreter frees what belongs together at one
    go, and decisions would wait for that.
    """
    dissolve(book)
    parts = [*book.conditions, *book.treatments, *book.actions]
    threading.Thread(target=_drop, args=(parts, giving_way()), name="book", daemon=True).start()


def _drop(parts: list[object], pause: Callable[[], None]) -> None:
    name_this_thread()
    time.sleep(_LATER)
    while parts:
        del parts[-_AT_ONCE:]
        pause()
