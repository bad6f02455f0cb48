"""When shadows are made: while nobody waits, and not of what is long ago."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from engine.challenger.beforehand import Beforehand
from engine.challenger.shadowing import BUSY, PAUSE, STALE, Missed, Shadow, Shadowing
from engine.circumstances import Circumstances
from engine.contact.pending import Pending, Returned
from engine.deadline import Budget
from engine.model import ActionId, CustomerId, DecisionId
from tests.builders import NOW, customer, decider, question
from tests.rulebook.builders import book


class Loop:
    """A loop whose time a test moves, and that calls nothing by itself."""

    def __init__(self) -> None:
        self.now = 100.0
        self.later: list[Callable[[], Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., Any], *given: Any) -> "Loop":
        assert delay == PAUSE
        self.later.append(lambda: call(*given))
        return self

    def cancel(self) -> None:
        self.later.clear()

    def turn(self, late: float = 0.0) -> None:
        """The next call, so many seconds late."""
        self.now += PAUSE + late
        self.later.pop(0)()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr("asyncio.get_running_loop", lambda: made)
    return made


def casting() -> tuple[Shadowing, list[Shadow]]:
    kept: list[Shadow] = []
    by = decider(book())
    shadowing = Shadowing("autumn", by, 1.0, kept.append, lambda _: None, lambda: 0.0, Counter())
    return shadowing, kept


def ask(shadowing: Shadowing, seed: int = 1, **rest: Any) -> None:
    given = Circumstances(DecisionId(f"d{seed}"), customer(), NOW, seed, Budget(1.0, lambda: 0.0))
    shadowing.decide(decider(book()), question(**rest), given)


def test_a_shadow_follows_its_decision_after_a_pause(loop: Loop) -> None:
    shadowing, kept = casting()
    ask(shadowing, 1, explain=True)
    ask(shadowing, 2)
    assert not kept
    loop.turn()
    assert [shadow.record.decision.decision_id for shadow in kept] == ["d1"]
    assert kept[0].record.decision.trace is None
    loop.turn()
    assert shadowing.made == 2
    assert not loop.later


def test_a_loop_that_comes_late_is_left_to_callers(loop: Loop) -> None:
    shadowing, kept = casting()
    ask(shadowing)
    for _ in range(3):
        loop.turn(late=2 * BUSY)
    assert not kept
    loop.turn()
    assert len(kept) == 1


def test_what_is_long_ago_is_let_go(loop: Loop) -> None:
    shadowing, kept = casting()
    ask(shadowing)
    loop.turn(late=STALE)
    assert shadowing.missed == {Missed.SHED: 1}
    assert not kept
    assert not loop.later


def test_once_stopped_nothing_is_decided(loop: Loop) -> None:
    shadowing, kept = casting()
    ask(shadowing)
    shadowing.stop()
    assert not loop.later
    assert not kept


def test_beforehand_nothing_had_been_offered_that_was_offered_then() -> None:
    pending = Pending()
    pending.assume_shown = NOW
    who = CustomerId("anna")
    for at in (5, 7, 9):
        pending.note(Returned(DecisionId(f"d{at}"), at, who, None, "web", (ActionId("a"),)))
    beforehand = Beforehand(pending)
    assert [offer.decided_at for offer in beforehand.of(who, 7)] == [5]
    assert beforehand.of(who, 10) is pending.of(who, 10)
    assert beforehand.of(CustomerId("bert"), 10) == ()
