"""What keeps an action of each class out, and what does not: the table of rules/README.md."""

from collections.abc import Mapping

import pytest

from engine.model import UNKNOWN, ActionId, Customer, DecisionId, PlacementId, Touch
from engine.rulebook.book import RuleBook
from tests.builders import NOW, customer, decide, question
from tests.rulebook.builders import action, book

CLASSES = ("promotional", "transactional", "mandatory")
PLACES = {"web": "web.hero", "sms": "sms.care"}
ONCE = {"scope": "action", "count": "impression", "at_least": 1, "within": "7d", "pause": "7d"}
NEVER_QUIET = {"scope": "all", "between": ["00:00", "23:59"], "timezone": "UTC"}


def rules(
    class_: str, stop: str = "", shared: Mapping[str, object] | None = None, **keys: object
) -> RuleBook:
    """One action of a class, on the web and by text message; `shared` caps are of policies.yaml."""
    treatments = [
        {"id": f"a.{channel}", "placement": at, "texts": {"headline": "A"}}
        for channel, at in PLACES.items()
    ]
    arbitration = {"thresholds": [{"propensity": 0.01, "priority": 0.01}]}
    return book(
        attributes={"request.channel": {"type": "string", "values": ["web", "sms"]}},
        policies={
            "placements": {
                at: {"channel": channel, "texts": {"headline": 40}, "fallback": {"headline": "Hi"}}
                for channel, at in PLACES.items()
            },
            "contact_policies": {
                "once": ONCE,
                "once_anywhere": ONCE | {"transactional": True},
                "quiet": NEVER_QUIET,
            },
            "arbitration": arbitration,
            "caps": shared or {},
        },
        actions=[action("a", treatments=treatments, **{"class": class_}, **keys)],
        more={"stop.yaml": f"stopped: [{{{stop}}}]\n"} if stop else None,
    )


def shown(
    made: RuleBook, channel: str, who: Customer | None = None, propensity: float = 0.5
) -> bool:
    agreed = customer(consent_channels=["web", "sms"])
    asked = question(PLACES[channel], channel=channel)
    decision = decide(made, asked, who or agreed, propensities=[propensity])
    return not decision.placements[0].fallback


@pytest.mark.parametrize("channel", PLACES)
@pytest.mark.parametrize("class_", CLASSES)
def test_who_obeys_contact_policies(class_: str, channel: str) -> None:
    who = customer(consent_channels=["web", "sms"])
    told = {"impression": (NOW - 1, 0.0)}
    seen = Touch(DecisionId("d0"), ActionId("a"), channel, PlacementId("p"), NOW - 1, told)
    who.touches.append(seen)
    obeys = class_ == "promotional" or (class_ == "transactional" and channel == "web")
    made = rules(class_, contact_policies=["once"])
    assert shown(made, channel)
    assert shown(made, channel, who) != obeys
    assert shown(rules(class_, contact_policies=["quiet"]), channel) != obeys


@pytest.mark.parametrize("class_", CLASSES)
def test_a_policy_may_hold_transactional_actions_on_outbound_channels_too(class_: str) -> None:
    who = customer(consent_channels=["web", "sms"])
    told = {"impression": (NOW - 1, 0.0)}
    who.touches.append(
        Touch(DecisionId("d0"), ActionId("a"), "sms", PlacementId("p"), NOW - 1, told)
    )
    made = rules(class_, contact_policies=["once_anywhere"])
    assert shown(made, "sms")
    assert shown(made, "sms", who) == (class_ == "mandatory")


@pytest.mark.parametrize("channel", PLACES)
@pytest.mark.parametrize("class_", CLASSES)
def test_who_is_under_a_cap(class_: str, channel: str) -> None:
    (own,) = rules(class_, caps={"per_day": 5}).caps
    assert (own.treatments == frozenset()) == (class_ == "mandatory")
    (shared,) = rules(class_, shared={"texts": {"channels": [channel], "per_day": 5}}).caps
    passes = class_ == "mandatory" or (class_ == "transactional" and channel == "sms")
    assert (shared.treatments == frozenset()) == passes


@pytest.mark.parametrize("channel", PLACES)
@pytest.mark.parametrize("class_", CLASSES)
def test_consent_conditions_dates_and_stops_hold_for_all(class_: str, channel: str) -> None:
    asked = (rules(class_), channel)
    assert shown(*asked)
    assert not shown(*asked, customer(consent_channels=["app"]))
    assert not shown(*asked, Customer(customer().customer_id))
    assert not shown(*asked, customer(consent_marketing=UNKNOWN))
    assert shown(rules(class_, opt_out=["consent"]), channel, customer(consent_marketing=False))
    assert not shown(rules(class_, eligible_when={"old": "customer.age > 90"}), channel)
    assert not shown(rules(class_, valid={"to": "2020-01-01"}), channel)
    assert not shown(rules(class_, stop=f"channel: {channel}"), channel)


@pytest.mark.parametrize("class_", CLASSES)
def test_only_the_mandatory_need_reach_no_threshold_and_have_no_value(class_: str) -> None:
    leads = class_ == "mandatory"
    assert shown(rules(class_), "web", propensity=0.001) == leads
    assert shown(rules(class_, value=0), "web") == leads
    assert shown(rules(class_, value="0.0 - customer.age"), "web") == leads


def test_the_mandatory_lead_however_little_they_are_worth() -> None:
    made = book(
        actions=[
            action("dear", value=1000),
            action("must", value=0, **{"class": "mandatory"}),
            action("must_too", value=1, **{"class": "mandatory"}),
        ]
    )
    offers = decide(made).placements[0].offers
    assert [offer.action_id for offer in offers] == ["must_too", "must"]
