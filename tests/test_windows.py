"""Windows over events, against a naive reading of the events themselves."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.circumstances import Circumstances
from engine.codec import decode_customer, encode_customer
from engine.customer import Knowledge
from engine.deadline import Budget
from engine.features import FeatureSchema
from engine.model import (
    DAY,
    HOUR,
    UNKNOWN,
    Customer,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Interaction,
    Micros,
    Question,
    Value,
)
from engine.rulebook.book import RuleBook
from engine.topology import apply
from tests.builders import NOW, decider, question
from tests.rulebook.builders import action, book

ANNA = CustomerId("anna")
KEPT: dict[str, dict[str, Any]] = {
    "events.calls": {"type": "int", "from": {"event": "call", "count": "1d"}},
    "events.any": {"type": "int", "from": {"event": ["call", "visit"], "count": "2h"}},
    "events.by_ivr": {"type": "int", "from": {"event": "call", "count": "1d", "channel": "ivr"}},
    "events.about": {
        "type": "int",
        "from": {"event": "call", "count": "1d", "where": {"topic": ["bill", "fault"]}},
    },
    "events.paid": {"type": "double", "from": {"event": "paid", "sum": "7d", "of": "amount"}},
    "events.points": {"type": "int", "from": {"event": "paid", "sum": "7d", "of": "points"}},
    "events.topics": {"type": "int", "from": {"event": "call", "distinct": "1d", "of": "topic"}},
    "events.last": {"type": "timestamp", "from": {"event": "call", "last": "1d"}},
    "events.since": {
        "type": "duration",
        "nullable": True,
        "from": {"event": ["call", "paid"], "last": "1d"},
    },
}
RULES = book(attributes=KEPT)


def happened(
    what: str = "call", ago: Micros = 0, *, event_id: str = "e1", channel: str = "web", **of: Value
) -> Event:
    return Event(EventId(event_id), ANNA, NOW - ago, Interaction(what, channel, of))


def anna(*events: Event) -> Customer:
    customer = Customer(ANNA)
    for event in events:
        apply(customer, event)
    return customer


def kept(
    customer: Customer, now: Micros = NOW, asked: Question | None = None, rules: RuleBook = RULES
) -> dict[str, Value]:
    found = Knowledge(rules).values(customer, asked or question(), now)
    named = zip(rules.attributes, found, strict=True)
    return {a.name.removeprefix("events."): value for a, value in named if a.source}


def naive(events: Sequence[Event], now: Micros) -> dict[str, Value]:
    """The same, told from the events by the words of the format alone."""

    def of(names: str, within: Micros) -> list[tuple[Micros, Interaction]]:
        different = {event.event_id: event for event in events}.values()
        return [
            (e.time, e.body)
            for e in different
            if isinstance(e.body, Interaction)
            and e.body.type in names.split()
            and now - within < e.time <= now
        ]

    def numbers(name: str) -> list[Any]:
        found = [body.attributes.get(name) for _, body in of("paid", 7 * DAY)]
        return [n for n in found if isinstance(n, int | float) and not isinstance(n, bool)]

    calls = of("call", DAY)
    topics = [body.attributes.get("topic") for _, body in calls]
    times = [time for time, _ in of("call paid", DAY)]
    return {
        "calls": len(calls),
        "any": len(of("call visit", 2 * HOUR)),
        "by_ivr": len([body for _, body in calls if body.channel == "ivr"]),
        "about": len([topic for topic in topics if topic in ("bill", "fault")]),
        "paid": fsum(numbers("amount")),
        "points": round(fsum(numbers("points"))),
        "topics": len({topic for topic in topics if topic is not None}),
        "last": max((time for time, _ in calls), default=UNKNOWN),
        "since": now - max(times) if times else None,
    }


attributes = st.fixed_dictionaries(
    {},
    optional={
        "topic": st.sampled_from(["bill", "fault", "travel"]),
        "amount": st.floats(-1e6, 1e6) | st.booleans() | st.just("much"),
        "points": st.integers(-5, 500),
    },
)
times = st.sampled_from(
    [
        -HOUR,
        -1,
        0,
        1,
        HOUR,
        2 * HOUR - 1,
        2 * HOUR,
        DAY - 1,
        DAY,
        DAY + 1,
        6 * DAY,
        7 * DAY,
        9 * DAY,
    ]
)
histories = st.lists(
    st.tuples(
        st.sampled_from(["call", "visit", "paid", "other"]),
        times,
        st.sampled_from(["web", "ivr"]),
        attributes,
    ),
    max_size=25,
).map(
    lambda all_: [
        happened(what, ago, event_id=f"e{n}", channel=channel, **of)
        for n, (what, ago, channel, of) in enumerate(all_)
    ]
)


@settings(deadline=None, max_examples=300)
@given(histories, st.sampled_from([-DAY, -1, 0, 1, HOUR, DAY]), st.data())
def test_in_any_order_and_however_often_windows_read_what_a_naive_reading_does(
    events: list[Event], later: Micros, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=9)) if events else []
    customer = anna(*data.draw(st.permutations(events + again)))
    assert customer == anna(*events)
    found = kept(decode_customer(encode_customer(customer)), NOW + later)
    assert found == naive(events, NOW + later)
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in naive(events, NOW + later).items()
    }


def test_a_window_ends_now_and_begins_just_after_its_length_before() -> None:
    customer = anna(happened(ago=DAY, event_id="a"), happened(ago=0, event_id="b"))
    assert kept(customer)["calls"] == 1
    assert kept(customer, NOW - 1)["calls"] == 1
    assert kept(customer, NOW + DAY)["calls"] == 0


def test_what_is_reported_late_counts_from_the_report_on_by_its_own_time() -> None:
    customer = anna(happened(ago=HOUR, event_id="a"))
    assert kept(customer)["since"] == HOUR
    apply(customer, happened(ago=23 * HOUR, event_id="b"))
    assert (kept(customer)["calls"], kept(customer)["since"]) == (2, HOUR)
    assert kept(customer, NOW + HOUR)["calls"] == 1


def test_what_is_still_to_come_counts_when_its_time_has_come() -> None:
    customer = anna(happened(ago=-HOUR))
    assert (kept(customer)["calls"], kept(customer, NOW + HOUR)["calls"]) == (0, 1)


def test_without_events_a_sum_is_nought_and_the_last_time_is_not_known() -> None:
    assert kept(anna()) == naive([], NOW)


def test_the_interaction_that_comes_with_the_question_counts_in_its_answer() -> None:
    customer = anna(happened(ago=HOUR))
    asked = question(interaction=Interaction("call", "ivr", {"topic": "bill"}))
    found = kept(customer, asked=asked)
    expected = (2, 1, 1, NOW, 0)
    assert tuple(found[n] for n in ("calls", "by_ivr", "about", "last", "since")) == expected
    assert len(customer.interactions) == 1
    assert kept(customer, asked=question(interaction=Interaction("sigh")))["calls"] == 1


def test_context_wins_for_one_request_and_a_profile_never_does() -> None:
    customer = anna(happened(ago=HOUR))
    customer.attributes["events.calls"] = 99
    assert kept(customer)["calls"] == 1
    assert kept(anna(), asked=question(context={"events.calls": 4}))["calls"] == 4
    assert kept(customer, asked=question(context={"events.calls": None}))["calls"] == 0


def test_a_sum_does_not_depend_on_the_order_of_what_is_summed() -> None:
    amounts = [1e15, 0.1, -1e15, 0.2, 0.3]
    events = [happened("paid", n, event_id=f"e{n}", amount=a) for n, a in enumerate(amounts)]
    turned = [happened("paid", n, event_id=f"e{n}", amount=a) for n, a in enumerate(amounts[::-1])]
    assert kept(anna(*events))["paid"] == kept(anna(*turned))["paid"] == fsum(amounts)


def test_a_thousand_of_the_largest_numbers_are_summed() -> None:
    events = [happened("paid", n, event_id=f"e{n}", points=10**15) for n in range(1_000)]
    assert kept(anna(*events))["points"] == 10**18


SAID = book(
    attributes=KEPT,
    actions=[action("call_back", applicable_when={"calls_often": "events.calls >= 3"})],
)


def decision(customer: Customer, given: Mapping[str, Value] | None = None) -> list[str]:
    by = decider(SAID)
    asked = question(
        context={"consent.marketing": True, "consent.channels": ["web"], **(given or {})}
    )
    budget = Budget(1.0, lambda: 0.0)
    made = by.decide(asked, Circumstances(DecisionId("d"), customer, NOW, 1, budget))
    return [o.action_id for placed in made.placements for o in placed.offers if not placed.fallback]


@pytest.mark.parametrize(("calls", "offered"), [(2, []), (3, ["call_back"])])
def test_a_condition_reads_what_has_just_been_applied(calls: int, offered: list[str]) -> None:
    events = [happened(ago=n * HOUR, event_id=f"e{n}") for n in range(calls)]
    assert decision(anna(*events)) == offered


def test_the_model_sees_windows_like_any_other_attribute() -> None:
    schema = FeatureSchema.for_book(SAID, "events.*")
    customer = anna(happened(ago=6 * HOUR), happened("paid", HOUR, event_id="b", amount=4.5))
    values = Knowledge(SAID).values(customer, question(), NOW)
    raw = dict(zip(schema.names, schema.read(values, customer, NOW), strict=True))
    assert (raw["events.calls"], raw["events.paid"]) == (1, 4.5)
    assert (raw["events.last"], raw["events.since"]) == (0.25, round(1 / 24, 3))
