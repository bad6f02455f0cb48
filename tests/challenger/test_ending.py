"""A book that nobody decides by any more is freed, a little at a time and by another thread."""

import sys
import threading

from engine.challenger.ending import let_go
from tests.rulebook.builders import action, book


def test_a_book_that_was_let_go_is_freed():
    old = book(actions=[action(f"a{n}") for n in range(50)])
    first, last, decides = old.actions[0], old.actions[-1], old.conditions_of
    let_go(old)
    del old
    (freeing,) = [each for each in threading.enumerate() if each.name == "book"]
    freeing.join()
    assert sys.getrefcount(first) == sys.getrefcount(last) == 2
    assert not decides.__globals__
