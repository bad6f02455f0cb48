import pytest

from engine.errors import RequestConflict
from engine.model import MINUTE, DecisionId
from engine.running.repeats import Repeats, agree, fingerprint
from tests.builders import NOW, decide, question
from tests.rulebook.builders import book

ASKED = question(request_id="r1", context={"customer.age": 30})


@pytest.fixture(scope="module")
def decision():
    return decide(book(), ASKED)


@pytest.fixture
def remembered(decision):
    repeats = Repeats(5 * MINUTE, room=10)
    repeats.note(ASKED, decision)
    repeats.keep("r1", b"reply")
    return repeats


def test_a_new_id_is_new(remembered):
    assert remembered.look(question(request_id="r2"), NOW) is None


def test_the_same_question_brings_back_the_same_reply(remembered, decision):
    known = remembered.look(ASKED, NOW + 5 * MINUTE)
    assert known.decision_id == decision.decision_id
    assert remembered.reply("r1") == b"reply"


def test_another_question_under_the_same_id_is_refused(remembered):
    with pytest.raises(RequestConflict, match="'r1'"):
        remembered.look(question(request_id="r1", context={"customer.age": 31}), NOW)


def test_after_its_time_an_id_is_new_again(remembered):
    assert remembered.look(ASKED, NOW + 5 * MINUTE + 1) is None
    assert remembered.reply("r1") is None


def test_memory_is_bounded_and_the_id_outlives_the_reply(remembered):
    remembered.keep("r2", b"another")
    assert (remembered.reply("r1"), remembered.reply("r2")) == (None, b"another")
    assert remembered.look(ASKED, NOW) is not None


def test_a_reply_kept_again_takes_its_place(remembered):
    for _ in range(3):
        remembered.keep("r1", b"0123456789")
    assert remembered.reply("r1") == b"0123456789"


def test_an_id_from_before_a_restart_is_known_without_its_question():
    restored = Repeats(5 * MINUTE)
    restored.restore("r1", DecisionId("d0"), NOW)
    assert restored.look(ASKED, NOW) == ("d0", NOW, None)


def test_a_fingerprint_is_of_everything_the_answer_depends_on():
    same = question(request_id="r1", context={"customer.age": 30})
    agree(same, fingerprint(ASKED))
    for other in (
        question(request_id="r1"),
        question("ivr.prompt", request_id="r1", context={"customer.age": 30}),
        question(request_id="r1", context={"customer.age": 30}, max_offers=1),
        question(request_id="r1", context={"customer.age": 30.5}),
    ):
        with pytest.raises(RequestConflict):
            agree(other, fingerprint(ASKED))
