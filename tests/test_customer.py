from engine.customer import Knowledge
from engine.model import DAY, UNKNOWN
from tests.builders import NOW, customer, question
from tests.rulebook.builders import book

RULES = book(
    attributes={
        "customer.score": {"type": "double", "max_age": "7d"},
        "customer.sure": {"type": "bool", "max_age": "7d", "default": True},
    }
)


def values(who, asked=None, now=NOW):
    found = Knowledge(RULES).values(who, asked or question(), now)
    return {attribute.name: value for attribute, value in zip(RULES.attributes, found, strict=True)}


def test_a_profile_becomes_values_by_name():
    assert values(customer())["customer.age"] == 40


def test_what_is_missing_is_its_default_else_null_else_unknown():
    seen = values(customer())
    assert seen["customer.segment"] == "mass"
    assert seen["customer.name"] is None
    assert seen["customer.score"] is UNKNOWN


def test_a_default_of_false_is_a_default():
    assert values(customer())["customer.complaint_open"] is False


def test_context_wins_over_the_profile_and_does_not_change_it():
    who = customer()
    assert values(who, question(context={"customer.age": 17}))["customer.age"] == 17
    assert who.attributes["customer.age"] == 40


def test_context_can_take_a_value_away_for_one_request():
    seen = values(customer(), question(context={"customer.age": None, "customer.segment": None}))
    assert seen["customer.age"] is UNKNOWN
    assert seen["customer.segment"] == "mass"


def test_the_engine_fills_request_and_now():
    seen = values(customer(), question("ivr.prompt", channel="ivr"))
    assert (seen["request.channel"], seen["request.placement"], seen["now"]) == (
        "ivr",
        "ivr.prompt",
        NOW,
    )


def test_a_value_older_than_its_max_age_counts_as_missing():
    who = customer(customer_score=0.9, customer_sure=False)
    assert values(who, now=NOW + 7 * DAY)["customer.score"] == 0.9
    late = values(who, now=NOW + 7 * DAY + 1)
    assert late["customer.score"] is UNKNOWN
    assert late["customer.sure"] is True


def test_age_is_counted_from_when_this_attribute_was_written():
    who = customer(customer_score=0.9)
    who.as_of["customer.score"] = NOW - 8 * DAY
    assert values(who)["customer.score"] is UNKNOWN


def test_attributes_no_longer_declared_are_left_alone():
    assert "old.attribute" not in values(customer(old_attribute=1))
