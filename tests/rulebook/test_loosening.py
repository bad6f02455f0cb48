"""What a new book no longer asks, by name."""

import pytest

from engine.rulebook.loosening import Loosened, loosened
from tests.rulebook.builders import ACTIONS, action, book


def found(old, new):
    return [(each.kind, each.name, each.actions) for each in loosened(old, new)]


def test_the_same_book_asks_the_same():
    assert loosened(book(), book()) == ()


def test_a_removed_condition_is_listed_with_the_actions_that_lose_it_and_where_it_was():
    (lost,) = loosened(
        book(), book(actions=ACTIONS.replace("adult: customer.age >= 18", "x: 'true'"))
    )
    assert (lost.kind, lost.name, lost.actions) == (
        Loosened.REMOVED, "eligible_when.adult", ("data_5gb",),
    )  # fmt: skip
    assert str(lost) == (
        "actions/all.yaml:6:14: eligible_when.adult is no longer asked of data_5gb;"
        " it was 'customer.age >= 18'"
    )


def test_a_condition_removed_from_all_is_told_once():
    (lost,) = loosened(book(), book(policies={"all_actions": {}}))
    assert (lost.name, lost.actions) == ("applicable_when.consent", ("data_5gb", "stay"))
    assert lost.message.endswith(", of all actions")


def test_an_opt_out_is_told_as_one():
    opted = ACTIONS.replace("    value: 10\n", "    value: 10\n    opt_out: [no_complaint]\n")
    assert found(book(), book(actions=opted)) == [
        (Loosened.OPTED_OUT, "suitable_when.no_complaint", ("stay",))
    ]


def test_moving_to_another_group_leaves_its_conditions_behind():
    moved = ACTIONS.replace("group: save", "group: bundles")
    (lost,) = loosened(book(), book(actions=moved))
    assert (lost.kind, lost.actions) == (Loosened.MOVED, ("stay",))
    assert "moved from group save to bundles" in lost.message


def test_a_changed_text_is_told_with_both_texts_and_its_new_place():
    (lost,) = loosened(book(), book(actions=ACTIONS.replace(">= 18", ">= 16")))
    assert lost.kind is Loosened.CHANGED
    assert lost.message == "of data_5gb changed from 'customer.age >= 18' to 'customer.age >= 16'"
    assert (lost.file, lost.line, lost.column) == ("actions/all.yaml", 6, 14)


def test_another_name_or_another_level_for_the_same_text_is_no_loss():
    renamed = ACTIONS.replace("adult:", "of_age:").replace("eligible_when", "suitable_when")
    assert loosened(book(), book(actions=renamed)) == ()


def test_a_treatments_own_condition_counts_as_its_actions():
    guarded = ACTIONS.replace(
        "placement: ivr.prompt\n", "placement: ivr.prompt\n        when: customer.age < 80\n"
    )
    assert found(book(actions=guarded), book()) == [(Loosened.REMOVED, "when", ("data_5gb",))]


def test_new_and_vanished_actions_and_added_conditions_are_no_loss():
    few = [action("a"), action("b")]
    more = [action("a", eligible_when={"adult": "customer.age >= 18"}), action("c")]
    assert loosened(book(actions=few), book(actions=more)) == ()


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            {"type": "bool", "default": True},
            "counts as True where it is missing; it counted as unknown",
        ),
        ({"type": "bool", "nullable": True}, "may be null"),
    ],
)
def test_consent_that_is_assumed_is_told(declared, said):
    (lost,) = loosened(book(), book(attributes={"consent.marketing": declared}))
    assert (lost.kind, lost.name) == (Loosened.ATTRIBUTE, "consent.marketing")
    assert said in lost.message


def test_a_default_taken_away_is_no_loss():
    sure = {"consent.marketing": {"type": "bool", "default": True}}
    assert loosened(book(attributes=sure), book()) == ()


def test_an_attribute_no_condition_reads_may_change():
    assert loosened(book(), book(attributes={"customer.name": {"type": "string"}})) == ()


def test_older_values_that_count_are_told():
    aged = {"customer.age": {"type": "int", "max_age": "7d"}}
    longer = {"customer.age": {"type": "int", "max_age": "30d"}}
    assert found(book(attributes=aged), book(attributes=longer)) == [
        (Loosened.ATTRIBUTE, "customer.age", ())
    ]
    assert loosened(book(attributes=longer), book(attributes=aged)) == ()


def test_wider_dates_and_another_class_are_told():
    old = [action("a", valid={"from": "2026-01-01", "to": "2026-02-01"})]
    new = [action("a", valid={"from": "2026-01-01", "to": "2026-03-01"}, **{"class": "mandatory"})]
    lost = loosened(book(actions=old), book(actions=new))
    assert {each.kind for each in lost} == {Loosened.ACTION}
    assert [each.message for each in lost] == [
        "is mandatory now; it was promotional",
        "is valid until a later time",
    ]
    assert loosened(book(actions=[action("a")]), book(actions=old)) == ()


def test_lower_thresholds_and_bolder_exploration_are_told():
    def arbitration(propensity, calm):
        exploration = {"policy": "squarecb", **({"none_when": calm} if calm else {})}
        thresholds = [{"channel": "web", "propensity": propensity}] if propensity else []
        return {"arbitration": {"thresholds": thresholds, "exploration": exploration}}

    old = book(policies=arbitration(0.01, "customer.age > 80"))
    assert [(e.name, e.message) for e in loosened(old, book(policies=arbitration(0.001, "")))] == [
        ("propensity_threshold", "for channel web is 0.001; it was 0.01"),
        ("none_when", "(no exploration) is gone; it was 'customer.age > 80'"),
    ]
    assert loosened(old, book(policies=arbitration(0.02, "customer.age > 80"))) == ()


def test_what_exploration_may_do_more_of_is_told():
    def exploring(**keys):
        return book(policies={"arbitration": {"exploration": keys}})

    old = exploring(give_up_per_day=100, untrained={"reach": 0.02, "positives": 200})
    new = exploring(give_up_per_day=500, untrained={"reach": 0.5})
    assert [(e.name, e.message) for e in loosened(old, new)] == [
        ("give_up_per_day", "is 500; it was 100"),
        ("untrained", "is 0.5 until 200 positives; it was 0.02 until 200 positives"),
    ]
    assert [e.message.partition(";")[0] for e in loosened(old, exploring())] == ["is gone"] * 2
    assert loosened(exploring(), old) == loosened(old, old) == ()


def _kept(**source):
    clause = {"event": "dropped_call", "count": "1d"} | source
    return {"events.drops": {"type": "int", "from": clause}}


THIRD = {
    "on": "dropped_call",
    "when": "events.drops >= 3",
    "placements": ["web.hero"],
    "rest": "7d",
    "max_age": "2h",
}


def _triggered(source=None, **changes):
    trigger = {key: value for key, value in (THIRD | changes).items() if value is not None}
    return book(attributes=_kept(**(source or {})), policies={"triggers": {"third": trigger}})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"count": "300d"}, "counts dropped_call of 300d instead of 1d"),
        ({"event": "call"}, "counts call of 1d; before, it counts dropped_call of 1d"),
        (
            {"channel": "ivr", "where": {"n": [1, 2]}},
            "counts dropped_call on ivr where n is 1 or 2, of 1d; before, it counts dropped_call of 1d",
        ),
    ],
)
def test_a_source_that_changed_means_something_else_where_a_condition_reads_it(source, said):
    (lost,) = loosened(_triggered(), _triggered(source))
    assert (lost.kind, lost.name, lost.message) == (Loosened.MEANING, "events.drops", said)
    assert found(book(attributes=_kept()), book(attributes=_kept(**source))) == []


def test_the_attribute_that_is_summed_and_a_source_that_comes_or_goes_are_told():
    actions = ACTIONS.replace(">= 18", ">= 18 && events.spent > 5.0")

    def spending(of):
        source = {"from": {"event": "paid", "sum": "30d", "of": of}} if of else {}
        return book(attributes={"events.spent": {"type": "double"} | source}, actions=actions)

    (other,) = loosened(spending("amount"), spending("fee"))
    assert other.message == "adds up fee of paid of 30d; before, it adds up amount of paid of 30d"
    gone = loosened(spending("amount"), spending(""))
    assert [each.message for each in gone] == [
        "is no longer kept from events; it was, and adds up amount of paid of 30d"
    ]
    come = loosened(spending(""), spending("amount"))
    assert "is kept from events now: it adds up amount of paid of 30d" in [
        each.message for each in come
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"when": "events.drops >= 2"},
            "changed from 'events.drops >= 3' to 'events.drops >= 2'",
        ),
        ({"when": None}, "asks for nothing any more; it asked for 'events.drops >= 3'"),
        ({"on": ["dropped_call", "visit"]}, "is set off by visit, too"),
        ({"rest": "1d"}, "rests 1d; it rested 7d"),
        ({"rest": None}, "does not rest; it rested 7d"),
        ({"max_age": "3h"}, "is set off by what is up to 3h old; before, by what was up to 2h"),
    ],
)
def test_a_trigger_that_may_be_set_off_more_often(change, said):
    (lost,) = loosened(_triggered(), _triggered(**change))
    assert (lost.kind, lost.name, lost.message) == (Loosened.TRIGGER, "trigger.third", said)
    assert lost.file == "policies.yaml"


def test_a_trigger_that_is_set_off_less_often_is_none():
    assert found(_triggered(), _triggered(rest="9d", max_age="1h")) == []
    assert found(_triggered(on=["dropped_call", "visit"]), _triggered()) == []
    assert found(_triggered(when=None), _triggered()) == []
    assert found(book(attributes=_kept()), _triggered()) == []
