"""The checker finds every loss and every repetition that is planted, and nothing where all is well."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import ActionId, DecisionId, TrainingExample
from tests.cluster.checker import Anomaly, Broken, check, check_lessons
from tests.cluster.history import Call, Fault, Look, Picture, Put, Send, Told, write

ACCEPTED, DUPLICATE, REFUSED, UNKNOWN = Told
D1 = DecisionId("d1"), ActionId("bundle")


def sent(event: str, at: int, answer: Told = ACCEPTED) -> Call:
    return Call("c1", "s1", "ada", Send(event), at, at + 1, answer)


def put(number: int, at: int, answer: Told = ACCEPTED) -> Call:
    return Call("c1", "s1", "ada", Put(number), at, at + 1, answer)


def look(at: int, *events: str, number: int = 0, client: str = "c1", server: str = "s1") -> Call:
    return Call(client, server, "ada", Look(), at, at + 1, Picture(events, number))


def found(calls: Sequence[Call], final: Picture, *faults: Fault) -> list[Broken]:
    return [anomaly.broken for anomaly in check(calls, faults, {"ada": final})]


@pytest.mark.parametrize(
    ("calls", "final", "broken"),
    [
        ([sent("e1", 0)], Picture(), [Broken.LOST]),
        ([sent("e1", 0, DUPLICATE)], Picture(), [Broken.LOST]),
        ([sent("e1", 0), sent("e1", 2, DUPLICATE)], Picture(("e1",)), []),
        ([sent("e1", 0, UNKNOWN), sent("e1", 2)], Picture(), [Broken.LOST]),
        ([sent("e1", 0, UNKNOWN)], Picture(), []),
        ([sent("e1", 0, UNKNOWN)], Picture(("e1",)), []),
        ([sent("e1", 0, REFUSED)], Picture(), []),
        ([sent("e1", 0, REFUSED)], Picture(("e1",)), [Broken.INVENTED]),
        ([sent("e1", 0)], Picture(("e1", "e1")), [Broken.TWICE]),
        ([], Picture(("e1",)), [Broken.INVENTED]),
    ],
)
def test_events_are_there_once_if_accepted(
    calls: Sequence[Call], final: Picture, broken: list[Broken]
) -> None:
    assert found(calls, final) == broken


@pytest.mark.parametrize(
    ("calls", "number", "broken"),
    [
        ([put(1, 0), put(2, 2)], 2, []),
        ([put(1, 0), put(2, 2)], 1, [Broken.OVERWRITTEN]),
        ([put(1, 0), put(2, 2, UNKNOWN)], 1, []),
        ([put(1, 0), put(2, 2, UNKNOWN)], 2, []),
        ([put(1, 0), put(2, 2, UNKNOWN)], 0, [Broken.OVERWRITTEN]),
        ([put(1, 0), put(2, 2, REFUSED)], 2, [Broken.OVERWRITTEN]),
        ([put(1, 0)], 7, [Broken.OVERWRITTEN]),
    ],
)
def test_the_profile_is_the_one_written_last(
    calls: Sequence[Call], number: int, broken: list[Broken]
) -> None:
    assert found(calls, Picture(number=number)) == broken


def test_nothing_is_read_before_it_was_asked_for() -> None:
    calls = [look(0, "e1", number=1), sent("e1", 5), put(1, 7)]
    assert found(calls, Picture(("e1",), 1)) == [Broken.UNWRITTEN, Broken.FORESEEN]
    calls = [sent("e1", 0), put(1, 0), look(1, "e1", number=1)]
    assert found(calls, Picture(("e1",), 1)) == []


LOOKS = [sent("e1", 0), put(1, 2), look(4, "e1", number=1)]
"""Somebody has seen all there is."""


@pytest.mark.parametrize("less", [look(6, number=1), look(6, "e1", number=0)])
def test_who_looks_again_sees_no_less(less: Call) -> None:
    assert found([*LOOKS, less], Picture(("e1",), 1)) == [Broken.BACKWARDS]


@pytest.mark.parametrize(
    "other",
    [
        look(6, server="s2"),
        look(6, client="c2"),
        replace(look(6), answer=UNKNOWN),
    ],
)
def test_another_session_may_see_less(other: Call) -> None:
    assert found([*LOOKS, other], Picture(("e1",), 1)) == []


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (Fault("redis", 5, 6, loses=True), []),
        (Fault("redis", 0, 5, loses=True), []),
        (Fault("redis", 0, 3, loses=True), [Broken.BACKWARDS]),
        (Fault("redis", 8, 9, loses=True), [Broken.BACKWARDS]),
        (Fault("kafka", 5, 6), [Broken.BACKWARDS]),
    ],
)
def test_only_a_loss_in_between_excuses_that_less_is_seen(
    fault: Fault, broken: list[Broken]
) -> None:
    assert found([*LOOKS, look(6)], Picture(("e1",), 1), fault) == broken


def lesson(reward: float, taught: float | None = None, *, back: bool = False) -> TrainingExample:
    return TrainingExample(*D1, "data", "web", "s1", (1,), reward, taught, taken_back=back)


@pytest.mark.parametrize(
    ("lessons", "reward", "is_right"),
    [
        ([lesson(0.0), lesson(1.0, 0.0)], 1.0, True),
        ([lesson(0.0), lesson(1.0, 0.0)], 0.2, False),
        ([lesson(0.0), lesson(0.0)], 0.0, False),
        ([lesson(0.0), lesson(1.0, 0.0), lesson(1.0, 0.0)], 1.0, False),
        ([lesson(1.0, 0.0)], 1.0, False),
        ([lesson(0.0), lesson(0.0, 0.0, back=True)], None, True),
        ([lesson(0.0), lesson(0.0, 0.0, back=True), lesson(0.2)], 0.2, True),
        ([], 0.0, False),
        ([], None, True),
    ],
)
def test_an_offer_is_learned_as_a_chain(
    lessons: list[TrainingExample], reward: float | None, is_right: bool
) -> None:
    assert (check_lessons(lessons, {D1: reward}) == []) is is_right


@st.composite
def sound(draw: st.DrawFn) -> tuple[list[Call], Picture]:
    """A history of a service that keeps its promises, and what is left in the end."""
    calls: list[Call] = []
    there: list[str] = []
    number = 0
    for at in range(0, 10 * draw(st.integers(1, 30)), 10):
        match draw(st.sampled_from(["send", "put", "look"])):
            case "send":
                call = sent(f"e{at}", at, draw(st.sampled_from([ACCEPTED, REFUSED, UNKNOWN])))
                if call.answer == ACCEPTED or (call.answer == UNKNOWN and draw(st.booleans())):
                    there.append(f"e{at}")
            case "put":
                call = put(at + 1, at, draw(st.sampled_from([ACCEPTED, UNKNOWN])))
                if call.answer == ACCEPTED or draw(st.booleans()):
                    number = at + 1
            case _:
                call = look(at, *there, number=number)
        calls.append(call)
    return calls, Picture(tuple(there), number)


@given(sound())
def test_nothing_is_found_where_promises_are_kept(run: tuple[list[Call], Picture]) -> None:
    calls, final = run
    assert found(calls, final) == []


@given(sound(), st.data())
def test_what_is_planted_is_found(run: tuple[list[Call], Picture], data: st.DataObject) -> None:
    calls, final = run
    accepted = [
        call.asked.event
        for call in calls
        if isinstance(call.asked, Send) and call.answer == ACCEPTED
    ]
    if not accepted:
        return
    event = data.draw(st.sampled_from(accepted))
    without = tuple(one for one in final.events if one != event)
    assert check(calls, [], {"ada": final._replace(events=without)}) == [
        Anomaly(Broken.LOST, "ada", event)
    ]
    assert check(calls, [], {"ada": final._replace(events=(*final.events, event))}) == [
        Anomaly(Broken.TWICE, "ada", event)
    ]


def test_a_customer_who_is_gone_has_lost_everything() -> None:
    assert check([sent("e1", 0)], [], {}) == [Anomaly(Broken.LOST, "ada", "e1")]


def test_a_history_is_kept_in_the_order_of_time(tmp_path: Path) -> None:
    write(tmp_path / "history", [sent("e2", 9), put(1, 3)], [Fault("kafka", 5, 7)])
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "history").read_text().splitlines()
    ]
    assert [line["begun"] for line in lines] == [3, 5, 9]
    assert lines[0]["asks"] == "Put"
    assert lines[2]["answer"] == "accepted"
