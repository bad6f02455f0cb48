"""Offers nobody has reported on: noted at once, forgotten in time, never forgotten silently."""

from hypothesis import given
from hypothesis import strategies as st

from engine.contact.pending import Pending, Returned
from engine.model import HOUR, MINUTE

NOW = 1_795_000_000_000_000


def returned(name, at=NOW, *, who="anna", home=None, actions=("a",)):
    return Returned(name, at, who, home, "web", tuple(actions))


def pending(room=10):
    made = Pending(room)
    made.assume_shown = HOUR
    return made


def actions(made, subject, now=NOW):
    return [action for each in made.of(subject, now) for action in each.actions]


def test_an_offer_counts_for_the_customer_and_the_household_until_its_time_is_over():
    made = pending()
    made.note(returned("d1", home="h"))
    assert actions(made, "anna") == actions(made, "h") == ["a"]
    assert actions(made, "anna", NOW + HOUR - 1) == ["a"]
    assert actions(made, "anna", NOW + HOUR) == actions(made, "h", NOW + HOUR) == []
    assert len(made) == 0


def test_what_is_reported_is_forgotten_and_the_rest_is_not():
    made = pending()
    made.note(returned("d1", actions=["a", "b"]))
    made.reported("d1", "a")
    made.reported("d1", "a")
    made.reported("unheard of", "a")
    assert actions(made, "anna") == ["b"]
    made.reported("d1", "b")
    assert len(made) == 0


def test_the_same_decision_counts_once():
    made = pending()
    made.note(returned("d1"))
    made.note(returned("d1"))
    assert actions(made, "anna") == ["a"]


def test_nothing_is_remembered_while_no_book_asks_for_it():
    made = Pending()
    made.note(returned("d1"))
    assert len(made) == 0


def test_what_must_be_forgotten_leaves_its_customer_uncertain_until_its_time_is_over():
    made = pending(room=1)
    made.note(returned("d1", home="h"))
    assert made.uncertain_until("anna") == 0
    made.note(returned("d2", NOW + MINUTE, who="ben"))
    assert actions(made, "anna") == []
    assert made.uncertain_until("anna") == made.uncertain_until("h") == NOW + HOUR
    assert made.uncertain_until("ben") == 0


def test_the_same_object_comes_back_while_nothing_changes():
    made = pending()
    made.note(returned("d1"))
    assert made.of("anna", NOW) is made.of("anna", NOW + MINUTE)


@given(
    st.lists(
        st.tuples(st.sampled_from(["note", "report"]), st.integers(0, 5), st.integers(0, 40)),
        max_size=40,
    ),
    st.integers(1, 6),
)
def test_nothing_that_may_have_been_shown_is_lost_without_a_trace(steps, room):
    made, now, known = pending(room), NOW, {}
    for step, (kind, which, minutes) in enumerate(steps):
        now += minutes * MINUTE
        if kind == "note":
            known[f"d{step}"] = (f"c{which}", now)
            made.note(returned(f"d{step}", now, who=f"c{which}"))
        elif known:
            name = list(known)[which % len(known)]
            del known[name]
            made.reported(name, "a")
        for who in {who for who, _ in known.values()}:
            due = {n for n, (w, at) in known.items() if w == who and at + HOUR > now}
            held = {each.decision_id for each in made.of(who, now)}
            assert held <= due
            lost = [known[name][1] + HOUR for name in due - held]
            assert made.uncertain_until(who) >= max(lost, default=0)
        assert len(made) <= room
