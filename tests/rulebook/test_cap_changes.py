import pytest

from engine.rulebook.loosening import loosened
from tests.rulebook.builders import action, book

BUDGET = {"amount": 100, "currency": "EUR", "cost_each": 2}


def capped(caps):
    return book(actions=[action("a", **({"caps": caps} if caps else {}))])


def sharing(cap):
    return book(policies={"caps": {"c": cap}}, actions=[action("a"), action("b")])


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({"per_day": 5}, None, "cap.a is gone; it was 5 a day"),
        ({"per_day": 5}, {"per_week": 5}, "cap.a is gone; it was 5 a day"),
        ({"per_day": 5}, {"per_day": 6}, "cap.a is 6 a day; it was 5"),
        ({"per_day": 5, "pacing": "even"}, {"per_day": 5}, "cap.a is no longer spread evenly"),
        ({"per_day": 5}, {"per_day": 5, "hold": "1m"}, "is given back sooner"),
        ({"per_day": 5}, {"per_day": 5, "timezone": "Asia/Tokyo"}, "by the clock of Asia/Tokyo"),
        ({"budget": BUDGET}, {"budget": BUDGET | {"amount": 200}}, "is 200.00 EUR in total"),
        ({"budget": BUDGET}, {"budget": BUDGET | {"cost_each": 1}}, "is charged 1 for an offer"),
    ],
)
def test_what_lets_more_through_is_told(was, now, said):
    (one,) = loosened(capped(was), capped(now))
    assert said in str(one)
    assert one.actions == ("a",)
    assert one.file == "actions/all.yaml"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (None, {"per_day": 5}),
        ({"per_day": 5}, {"per_day": 4}),
        ({"per_day": 5}, {"per_day": 5, "total": 9}),
        ({"per_day": 5}, {"per_day": 5, "pacing": "even"}),
        ({"per_day": 5}, {"per_day": 5, "hold": "2h"}),
    ],
)
def test_what_lets_no_more_through_is_not(was, now):
    assert loosened(capped(was), capped(now)) == ()


def test_an_action_that_leaves_a_shared_cap_is_named():
    old, new = {"group": "bundles", "per_day": 5}, {"action": "b", "per_day": 5}
    (one,) = loosened(sharing(old), sharing(new))
    assert (one.name, one.actions) == ("cap.c", ("a",))


def test_a_cap_under_another_name_begins_at_nothing():
    rules = {"group": "bundles", "per_day": 5}
    was = book(policies={"caps": {"gifts": rules}}, actions=[action("a")])
    now = book(policies={"caps": {"presents": rules}}, actions=[action("a")])
    (one,) = loosened(was, now)
    assert "cap.gifts is cap.presents now, and begins at nothing" in str(one)


def test_another_cap_is_no_other_name_of_one_that_is_gone():
    actions = [action("a"), action("b")]
    was = book(policies={"caps": {"c": {"action": "a", "per_day": 5}}}, actions=actions)
    now = book(policies={"caps": {"d": {"action": "b", "per_day": 5}}}, actions=actions)
    (one,) = loosened(was, now)
    assert "cap.c is gone; it was 5 a day" in str(one)
