"""Waits: an answer is told once, in the turn in which it is there, and to nobody who has left."""

import asyncio
from collections.abc import Callable

import pytest

from engine.edges.grpc.port import Outcome
from engine.edges.grpc.waits import Attended, Later, awaited


class Inquiry:
    """Tells what comes of it when the test says so."""

    def __init__(self) -> None:
        self.tell: Callable[[Outcome], None] | None = None
        self.is_left = False

    def begin(self, told: Callable[[Outcome], None]) -> None:
        self.tell = told

    def leave(self) -> None:
        self.is_left = True


def answer(outcome: Outcome) -> bytes:
    return outcome if isinstance(outcome, bytes) else b"refused"


async def turns(number: int = 3) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_nothing_happens_before_it_is_begun() -> None:
    inquiry = Inquiry()
    Later(inquiry, answer)
    assert inquiry.tell is None


@pytest.mark.parametrize(
    ("outcome", "told"), [(b"reply", b"reply"), (KeyError("a fault"), b"refused")]
)
def test_the_answer_is_told_at_once_when_it_is_known(outcome: Outcome, told: bytes) -> None:
    inquiry, heard = Inquiry(), list[bytes]()
    Later(inquiry, answer).begin(heard.append)
    assert inquiry.tell is not None
    inquiry.tell(outcome)
    assert heard == [told]


def test_who_has_left_is_told_nothing() -> None:
    inquiry, heard = Inquiry(), list[bytes]()
    later = Later(inquiry, answer)
    later.begin(heard.append)
    later.leave()
    assert inquiry.is_left
    assert inquiry.tell is not None
    inquiry.tell(b"reply")
    assert heard == []


async def test_a_task_may_wait_for_it() -> None:
    inquiry = Inquiry()
    waiting = asyncio.ensure_future(awaited(Later(inquiry, answer)))
    await turns()
    assert inquiry.tell is not None
    inquiry.tell(b"reply")
    assert await waiting == b"reply"


async def test_a_task_that_is_cancelled_leaves() -> None:
    inquiry = Inquiry()
    waiting = asyncio.ensure_future(awaited(Later(inquiry, answer)))
    await turns()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert inquiry.is_left
    assert waiting.cancelled()


async def test_what_a_coroutine_answers_or_ends_with_is_told() -> None:
    async def well() -> bytes:
        return b"reply"

    async def badly() -> bytes:
        raise KeyError("a fault")

    async def cancelled() -> bytes:
        raise asyncio.CancelledError

    heard: list[Outcome] = []
    for coroutine in (well, badly, cancelled):
        Attended(coroutine).begin(heard.append)
        await turns()
    assert heard[0] == b"reply"
    assert [type(outcome) for outcome in heard[1:]] == [KeyError, asyncio.CancelledError]


async def test_a_coroutine_nobody_waits_for_is_cancelled() -> None:
    begun, given_up, heard = asyncio.Event(), asyncio.Event(), list[Outcome]()

    async def slow() -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.set()
            raise
        return b""

    attended = Attended(slow)
    attended.begin(heard.append)
    async with asyncio.timeout(20):
        await begun.wait()
        attended.leave()
        await given_up.wait()
    await turns()
    assert heard == []
