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


RETYPED = book(
    attributes={
        "customer.score": {"type": "double"},
        "customer.name": {"type": "int", "nullable": True},
        "customer.tags": {"type": "list(int)"},
        "customer.sums": {"type": "map(string,int)"},
    }
)


def retyped(**attributes):
    found = Knowledge(RETYPED).values(customer(**attributes), question(), NOW)
    return {
        attribute.name: value for attribute, value in zip(RETYPED.attributes, found, strict=True)
    }


def test_what_was_stored_by_another_book_as_another_type_counts_as_missing():
    seen = retyped(
        customer_age="forty", customer_name="Anna", customer_segment=3,
        customer_tags=["a"], customer_sums={"a": "b"},
    )  # fmt: skip
    assert seen["customer.age"] is UNKNOWN
    assert seen["customer.name"] is None
    assert seen["customer.segment"] == "mass"
    assert seen["customer.tags"] is UNKNOWN
    assert seen["customer.sums"] is UNKNOWN
    RETYPED.conditions_of(list(seen.values()))


def test_a_truth_is_no_number_and_a_whole_number_is_a_double():
    assert retyped(customer_age=True)["customer.age"] is UNKNOWN
    score = retyped(customer_score=3)["customer.score"]
    assert (score, type(score)) == (3.0, float)


def test_what_is_of_its_type_stays():
    seen = retyped(customer_tags=[1, 2], customer_sums={"a": 1}, customer_score=0.5)
    assert (seen["customer.tags"], seen["customer.sums"]) == ([1, 2], {"a": 1})
    assert retyped(customer_tags=[], customer_sums={})["customer.tags"] == []


def test_a_question_may_name_what_the_book_that_took_over_does_not_declare():
    asked = question(context={"customer.shoe_size": 43, "customer.age": 17})
    assert values(customer(), asked)["customer.age"] == 17
