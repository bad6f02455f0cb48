"""When a worker is told to join its group anew, or to end."""

from itertools import pairwise

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.stream.group import NOBODY, Share, Standing
from engine.edges.stream.stalls import END_AFTER, REJOIN_AFTER, Advice, Doing, Stalls

HERE = TopicPartition("t.events", 0)
THERE = TopicPartition("t.events", 1)
IDLE = Doing("me", waiting=False, catching_up=False, moved=0)


ANOTHERS = Share(9, 9, "another")


def standing(here: Share, there: Share = ANOTHERS, *, settled: bool = True) -> Standing:
    return Standing({HERE: here, THERE: there}, settled)


def advice(*looks: tuple[float, Standing, Doing]) -> list[Advice]:
    stalls = Stalls()
    return [stalls.see(at, stands, doing) for at, stands, doing in looks]


@pytest.mark.parametrize(
    "share", [Share(9, 9, NOBODY), Share(9, 5, NOBODY), Share(9, 5, "me")], ids=str
)
def test_what_stands_still_has_the_group_joined_anew_and_then_the_process_ended(
    share: Share,
) -> None:
    looks = [(at, standing(share), IDLE) for at in (0.0, REJOIN_AFTER, END_AFTER)]
    assert advice(*looks) == [Advice.GO_ON, Advice.REJOIN, Advice.END]


@pytest.mark.parametrize(
    ("share", "doing"),
    [
        (Share(9, 9, "me"), IDLE),
        (Share(9, 5, "another"), IDLE),
        (Share(9, 5, "me"), IDLE._replace(waiting=True)),
    ],
    ids=["nothing to commit", "another's", "waiting for Redis"],
)
def test_what_is_in_order_is_left_alone(share: Share, doing: Doing) -> None:
    looks = [(at, standing(share), doing) for at in (0.0, REJOIN_AFTER, END_AFTER, 9 * END_AFTER)]
    assert set(advice(*looks)) == {Advice.GO_ON}


def test_catching_up_is_progress_as_long_as_it_moves() -> None:
    behind = IDLE._replace(catching_up=True)
    moving = [
        (at, standing(Share(9, 5, "me")), behind._replace(moved=int(at))) for at in (0.0, 50, 100)
    ]
    assert set(advice(*moving)) == {Advice.GO_ON}
    hung = [(at, standing(Share(9, 5, "me")), behind) for at in (0.0, 1.0, 1.0 + END_AFTER)]
    assert advice(*hung)[-1] is Advice.END


def test_a_commit_begins_the_count_anew() -> None:
    looks = [
        (0.0, standing(Share(9, 5, "me")), IDLE),
        (REJOIN_AFTER, standing(Share(9, 6, "me")), IDLE),
        (2 * REJOIN_AFTER - 1, standing(Share(9, 6, "me")), IDLE),
    ]
    assert set(advice(*looks)) == {Advice.GO_ON}


def test_one_partition_is_not_excused_by_another_that_moves() -> None:
    stuck = Share(9, 5, "me")
    looks = [(at, standing(stuck, Share(99, int(at), "me")), IDLE) for at in (0.0, REJOIN_AFTER)]
    assert advice(*looks)[-1] is Advice.REJOIN


def test_nobody_joins_anew_while_the_group_is_being_divided() -> None:
    looks = [(at, standing(Share(9, 9, NOBODY), settled=False), IDLE) for at in (0.0, 30.0)]
    assert set(advice(*looks)) == {Advice.GO_ON}


def test_a_kafka_that_was_away_begins_the_count_anew() -> None:
    stalls = Stalls()
    stalls.see(0.0, standing(Share(9, 5, "me")), IDLE)
    stalls.forget()
    assert stalls.see(END_AFTER, standing(Share(9, 5, "me")), IDLE) is Advice.GO_ON
    assert stalls.stalled(END_AFTER + 3) == 3


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=60))
def test_attempts_to_join_anew_are_far_enough_apart_and_come_to_an_end(steps: list[float]) -> None:
    stalls, at, rejoined = Stalls(), 0.0, []
    for step in steps:
        verdict = stalls.see(at, standing(Share(9, 5, "me")), IDLE)
        assert (verdict is Advice.END) == (at >= END_AFTER)
        if verdict is Advice.REJOIN:
            rejoined.append(at)
        at += step
    assert all(later - at >= REJOIN_AFTER for at, later in pairwise(rejoined))
