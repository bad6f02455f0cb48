"""Which dead letters are open, as the records of their topic tell it."""

from hypothesis import given
from hypothesis import strategies as st

from engine.edges.kafka.messages import Place
from engine.edges.stream.docket import Docket, Fate, Outcome, note
from engine.edges.stream.letters import Letter, set_aside

LETTER = set_aside(Letter("t.events", Place(0, 7), b"ada", b"?", print), "damaged", "t.dead").value
GONE = Fate(Outcome.DISCARDED, 7)

steps = st.lists(st.none() | st.sets(st.integers(0, 30)), max_size=30)
"""A letter, or a note about those at these offsets."""


@given(steps, st.integers(0, 30))
def test_open_is_what_is_a_letter_and_was_not_dealt_with(
    log: list[set[int] | None], start: int
) -> None:
    docket = Docket()
    for offset, about in enumerate(log):
        docket.take(offset, LETTER if about is None else note(about, GONE, "t.dead").value)
    letters = {offset for offset, about in enumerate(log) if about is None and offset >= start}
    closed = {one for at, about in enumerate(log) for one in about or () if one < at}
    start = min(start, len(log))
    assert docket.open(start, len(log)) == len(letters - closed)
    docket.forget(start)
    assert docket.open(start, len(log)) == len(letters - closed)


def test_the_newest_fate_counts_and_what_is_no_letter_is_nobodys() -> None:
    docket = Docket()
    docket.take(0, LETTER)
    docket.take(1, b"what is this?")
    docket.take(2, note([0], GONE, "t.dead").value)
    docket.take(3, note([0], Fate(Outcome.REPLAYED, 9), "t.dead").value)
    assert docket.fates == {0: Fate(Outcome.REPLAYED, 9)}
    assert docket.open(0, 4) == 0


def test_what_was_not_read_yet_counts_as_open() -> None:
    docket = Docket()
    docket.take(0, LETTER)
    assert docket.open(0, 3) == 3
