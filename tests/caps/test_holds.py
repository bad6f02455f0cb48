"""How long an offer keeps its share of each cap: by the longest of the caps it is under."""

from engine.caps.holds import holds
from engine.model import HOUR, MINUTE
from tests.rulebook.builders import action, book


def test_a_cap_is_held_for_as_long_as_any_that_an_offer_may_be_under_too() -> None:
    rules = book(
        policies={
            "caps": {
                "less": {"action": "a", "per_day": 9, "hold": "40m"},
                "more": {"action": "b", "per_day": 9, "hold": "40m"},
            }
        },
        actions=[
            action("a", caps={"per_day": 5, "hold": "1h"}),
            action("b", caps={"per_day": 5}),
            action("c", caps={"per_day": 5}),
        ],
    )
    assert holds(rules.caps) == {
        "less/offers/day": HOUR,
        "a/offers/day": HOUR,
        "more/offers/day": 40 * MINUTE,
        "b/offers/day": 40 * MINUTE,
        "c/offers/day": 30 * MINUTE,
    }
