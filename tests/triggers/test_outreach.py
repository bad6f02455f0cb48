"""What triggers ask for is decided, left and noted, in this order; and once, whatever fails in between."""

import asyncio

import pytest

from engine.errors import RequestConflict, StorageError, UnknownPlacement
from engine.model import SECOND, Customer, CustomerId
from engine.running.repeats import Answer
from engine.triggers.outreach import NOTHING, Outreach
from engine.triggers.scored import Scored
from tests.builders import NOW
from tests.messages import decision, message, set_off

ANNA = CustomerId("anna")


class Desk:
    """An engine and an outbox that write down what they are asked to do; `fails` at these steps once."""

    def __init__(self, answer=None, fails=()):
        self.answers = answer if answer is not None else Answer(decision(), b"sealed")
        self.fails = list(fails)
        self.done = []
        self.kept = {}
        self.at_hand = []

    def _do(self, step, what):
        if step in self.fails:
            self.fails.remove(step)
            raise StorageError(f"{step} fails")
        self.done.append((step, what))

    async def answer(self, asked, at_hand=None):
        if isinstance(self.answers, Exception):
            raise self.answers
        self._do("decide", asked.name)
        self.at_hand.append(at_hand)
        return self.kept.get(asked.name, self.answers)

    def score(self, customer, channel):
        return Scored(channel, NOW, "m", ())

    def keep(self, request_id, reply):
        self.kept[request_id] = reply

    async def publish(self, messages):
        self._do("publish", [one.message_id for one in messages])

    async def note(self, events):
        self._do("note", [event.event_id for event in events])

    def steps(self):
        return [step for step, _ in self.done]


async def test_decided_published_noted():
    desk = Desk()
    await Outreach(desk, desk).reach([set_off("e1"), set_off("e2")])
    names = ["trigger:sorry:e1", "trigger:sorry:e2"]
    assert desk.done == [
        ("decide", names[0]),
        ("decide", names[1]),
        ("publish", names),
        ("note", names),
    ]


@pytest.mark.parametrize("fails", ["publish", "note"])
async def test_what_was_decided_is_not_decided_otherwise_when_it_is_tried_again(fails):
    desk = Desk(fails=[fails])
    outreach = Outreach(desk, desk)
    with pytest.raises(StorageError):
        await outreach.reach([set_off(rest=7 * SECOND)])
    desk.answers = Answer(decision("email"), b"another")
    await outreach.reach([set_off(rest=7 * SECOND)])
    assert desk.steps()[-3:] == ["decide", "publish", "note"]
    assert b'"channel":"sms"' in desk.kept["trigger:sorry:e1"]


async def test_a_fallback_is_nothing_to_send_now_or_later():
    desk = Desk(Answer(decision(fallback=True), b""))
    outreach = Outreach(desk, desk)
    await outreach.reach([set_off()])
    await outreach.reach([set_off()])
    assert desk.steps() == ["decide", "decide"]
    assert desk.kept == {"trigger:sorry:e1": NOTHING}
    assert outreach.tally.unanswered == 2


@pytest.mark.parametrize(
    "error", [UnknownPlacement("gone"), RequestConflict("other"), ValueError("a fault of ours")]
)
async def test_what_cannot_be_decided_holds_up_nobody(error):
    desk = Desk(error)
    await Outreach(desk, desk).reach([set_off()])
    assert desk.done == []


async def test_bytes_that_are_no_message_are_passed_over():
    desk = Desk(b"\x0a\x02d1")
    await Outreach(desk, desk).reach([set_off()])
    assert desk.steps() == ["decide"]


async def test_it_rests_before_the_note_is_applied():
    desk = Desk()
    outreach = Outreach(desk, desk)
    await outreach.reach([set_off("e1", rest=SECOND), set_off("e2", rest=SECOND)])
    assert desk.done[-1] == ("note", ["trigger:sorry:e1"])
    assert outreach.tally.rested == 1


async def test_who_is_at_hand_is_decided_by():
    desk, anna = Desk(), Customer(ANNA)
    outreach = Outreach(desk, desk)
    await outreach.reach([set_off()], {ANNA: anna})
    await asyncio.sleep(0)
    assert desk.at_hand == [anna]
    assert message().message_id == "trigger:sorry:e1"
