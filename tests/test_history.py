import pytest

from engine.features import FeatureKind, FeatureSchema
from engine.history import LOOKED_BACK, Reading, asked_for, asks_for, sources
from engine.model import DAY, ActionId, Customer, CustomerId, DecisionId, PlacementId, Touch
from tests.lessons import rule_book, values_of

NOW = 1_795_000_000_000_000


def offered(
    action: str, channel: str, days_ago: float, *outcomes: str, decision: str = "d"
) -> Touch:
    at = NOW - int(days_ago * DAY)
    return Touch(
        DecisionId(decision),
        ActionId(action),
        channel,
        PlacementId("p"),
        at,
        dict.fromkeys(outcomes, (at, 0.0)),
    )


def customer(*touches: Touch) -> Customer:
    return Customer(CustomerId("ada"), touches=sorted(touches, key=lambda t: t.decided_at))


def seen(pattern: str, of: Customer) -> dict[str, object]:
    book = rule_book(pattern)
    schema = FeatureSchema.for_book(book)
    return dict(zip(schema.names, schema.read(values_of(book), of, NOW), strict=True))


def test_offers_are_told_apart_by_channel() -> None:
    ada = customer(
        offered("bundle", "web", 3, "impression", "click"),
        offered("bundle", "web", 2, "impression"),
        offered("stay", "ivr", 1, "impression", "accept"),
    )
    assert seen("history.channel.web.*", ada) == {
        "history.channel.web.impression_count": 2,
        "history.channel.web.impression_days": 2.0,
        "history.channel.web.click_count": 1,
        "history.channel.web.click_days": 3.0,
        "history.channel.web.accept_count": 0,
        "history.channel.web.accept_days": None,
        "history.channel.web.reject_count": 0,
        "history.channel.web.reject_days": None,
        "history.channel.web.dismiss_count": 0,
        "history.channel.web.dismiss_days": None,
    }


def test_offers_are_told_apart_by_the_group_their_action_is_in_now() -> None:
    ada = customer(
        offered("bundle", "web", 3, "accept"),
        offered("roaming", "ivr", 2, "accept"),
        offered("stay", "web", 1, "accept"),
        offered("long gone", "web", 1, "accept"),
    )
    assert seen("history.group.*.accept_count", ada) == {
        "history.group.data.accept_count": 2,
        "history.group.save.accept_count": 1,
    }


def test_of_the_last_outcome_and_channel_the_name_is_seen() -> None:
    ada = customer(offered("stay", "ivr", 1), offered("bundle", "web", 3))
    ada.last = {"click": NOW - 2 * DAY, "reject": NOW - DAY}
    assert seen("history.last_*", ada) == {
        "history.last_outcome": "reject",
        "history.last_channel": "ivr",
    }


def test_of_two_outcomes_at_one_time_the_last_does_not_depend_on_the_order_of_arrival() -> None:
    one, two = customer(), customer()
    one.last = {"click": NOW, "accept": NOW}
    two.last = {"accept": NOW, "click": NOW}
    assert seen("history.last_outcome", one) == seen("history.last_outcome", two)


def test_nobody_has_a_last_outcome_before_the_first() -> None:
    assert set(seen("history.last_*", customer()).values()) == {None}


def test_only_the_newest_offers_are_told_apart() -> None:
    ada = customer(*(offered("stay", "web", n, "click") for n in range(LOOKED_BACK + 20)))
    assert seen("history.channel.web.click_count", ada) == {
        "history.channel.web.click_count": LOOKED_BACK
    }


@pytest.mark.parametrize("pattern", ["*", "history.*", "hist*count"])
def test_what_there_is_a_lot_of_is_seen_only_where_it_is_named(pattern: str) -> None:
    assert not asks_for(pattern, "history.group.save.click_count")
    assert asks_for(pattern, "history.click_count")


def test_names_of_outcomes_and_channels_are_categories_with_the_books_values() -> None:
    book = rule_book("history.last_*")
    outcome, channel = FeatureSchema.for_book(book).features
    assert outcome.kind is channel.kind is FeatureKind.CATEGORY
    assert outcome.values == tuple(book.outcomes)
    assert channel.values == tuple(book.channels)


def test_reading_changes_nothing() -> None:
    ada = customer(offered("stay", "web", 1, "click"))
    before = customer(offered("stay", "web", 1, "click"))
    every = sources(("web",), ("save",)).values()
    list(Reading(list(every), {"stay": "save"}).read(ada, NOW))
    assert ada == before


@pytest.mark.parametrize(
    "patterns",
    [
        ["*"],
        ["customer.*", "history.last_*"],
        ["history.group.*"],
        ["history.channel.web.*", "history.click_*"],
        ["history.*", "history.group.save.accept_?ount"],
    ],
)
def test_what_patterns_ask_for_is_what_one_of_them_asks_for(patterns: list[str]) -> None:
    known = sources(("web", "ivr"), ("save", "bundles"))
    wanted = [name for name in known if any(asks_for(pattern, name) for pattern in patterns)]
    assert asked_for(known, patterns) == wanted
