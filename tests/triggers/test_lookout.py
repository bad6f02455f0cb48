"""The lookout: what it keeps to be done, of what is applied, and what it passes over."""

from engine.model import DAY, Customer, CustomerId, Event, EventId, Interaction, ProfileUpdate
from engine.topology import take_in
from engine.triggers.lookout import MOST_STIRRED, Lookout
from engine.triggers.triggers import note_of
from tests.builders import NOW
from tests.rulebook.builders import book

ANNA = CustomerId("anna")
CALL = {"on": "call", "placements": ["web.hero"]}


def lookout(**triggers):
    return Lookout(book(policies={"triggers": triggers}), lambda: NOW)


def happened(number=1, kind="call", channel="app", at=NOW, who=ANNA):
    return Event(EventId(f"e{number}"), who, at, Interaction(kind, channel))


def show(watching, *entries):
    """Each is applied to its customer, before the lookout's eyes."""
    for seq, entry in enumerate(entries, 1):
        customer = Customer(entry.customer_id)
        before = watching.before(customer, entry)
        take_in(customer, entry)
        if before is not None:
            watching.after(seq, before, customer)


def test_what_is_due_is_kept_with_its_place_until_it_is_done():
    watching = lookout(a=CALL, b=CALL)
    show(watching, happened(1), happened(2, "visit"), happened(3))
    assert [(due.seq, due.set_off.trigger.name) for due in watching.due] == [
        (1, "a"), (1, "b"), (3, "a"), (3, "b"),
    ]  # fmt: skip
    assert watching.came.is_set()
    watching.drop(1)
    assert [due.seq for due in watching.due] == [3, 3]
    watching.stirred.clear()
    watching.drop(3)
    assert not watching.came.is_set()


def test_who_did_something_is_to_be_scored_once_by_what_came_last():
    watching = lookout()
    show(watching, happened(1, channel="web"), happened(2, channel="ivr"))
    assert watching.stirred == {ANNA: "ivr"}
    assert not watching.due


def test_what_is_no_doing_of_theirs_stirs_nobody():
    watching = lookout(a=CALL)
    show(watching, happened(1))
    (due,) = watching.due
    watching.clear()
    note, update = note_of(due.set_off, NOW), ProfileUpdate(ANNA, NOW, {"customer.age": 4})
    show(watching, note, update, happened(2, at=NOW - DAY - 1))
    assert (watching.stirred, list(watching.due)) == ({}, [])
    assert not watching.came.is_set()


def test_of_too_many_the_first_are_let_go():
    watching = lookout()
    people = [CustomerId(f"c{n}") for n in range(MOST_STIRRED + 2)]
    show(watching, *[happened(n, who=who) for n, who in enumerate(people)])
    assert list(watching.stirred) == people[2:]


def test_another_book_has_other_triggers():
    watching = lookout(a=CALL)
    assert watching.listens
    watching.follow(book())
    show(watching, happened(1))
    assert not watching.listens
    assert not watching.due


def test_a_trigger_that_fails_holds_up_nothing(caplog):
    watching = lookout(a=CALL | {"when": "customer.age > 1"})
    object.__setattr__(watching._triggers.book, "triggers_of", lambda _: 1 / 0)
    show(watching, happened(1))
    assert not watching.due
