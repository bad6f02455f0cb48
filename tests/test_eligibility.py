"""The story of a no and the yes or no itself agree, whatever is known of the customer."""

import pickle
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.eligibility import reasons
from engine.model import UNKNOWN, PlacementId, Reason, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.times import moment_of
from tests.rulebook.builders import action, book

HERO = PlacementId("web.hero")


def treatment(name: str, headline: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "placement": "web.hero", "texts": {"headline": headline}, **keys}


BOOK = book(
    attributes={"customer.tags": {"type": "list(string)"}},
    actions=[
        action("plain", valid={"from": "2026-01-01", "to": "2026-12-31"}),
        action("named", treatments=[treatment("n", "Hello {customer.name}")]),
        action("used", treatments=[treatment("u", "{telco.data_used_pct:.2f} % of your data")]),
        action("tagged", treatments=[treatment("t", "{customer.tags} {customer.name}")]),
        action(
            "choice",
            eligible_when={"adult": "customer.age >= 18"},
            treatments=[
                treatment("c.named", "A very long headline for {customer.name}"),
                treatment("c.young", "Young at {customer.age}", when="customer.age < 30"),
                treatment("c.plain", "Hello", when='customer.segment != "vip"'),
            ],
        ),
    ],
)
VALUES = {
    "customer.age": st.sampled_from([UNKNOWN, 17, 18, 44]),
    "customer.name": st.none() | st.text(max_size=40) | st.sampled_from(["Niamh", " ", "a\nb"]),
    "customer.segment": st.sampled_from(["mass", "vip"]),
    "customer.tags": st.just(UNKNOWN) | st.lists(st.sampled_from(["a", " ", "streamer"] * 2)),
    "telco.data_used_pct": st.none() | st.floats(),
    "consent.marketing": st.sampled_from([True, True, False, UNKNOWN]),
    "consent.channels": st.just(("web",)),
    "request.channel": st.just("web"),
}
MOMENTS = [moment_of(day) for day in ("2025-12-31", "2026-06-01", "2027-01-01")]


def values_of(known: dict[str, Value]) -> list[Value]:
    return [known.get(attribute.name, attribute.default) for attribute in BOOK.attributes]


def told(
    rules: RuleBook, action_id: str, values: Sequence[Value], now: int = 0
) -> tuple[Reason, ...]:
    truths = rules.conditions_of(values)
    (one,) = (one for one in rules.actions if one.action_id == action_id)
    return reasons(rules, one, HERO, truths, values, now)[1]


@given(st.fixed_dictionaries(VALUES), st.sampled_from(MOMENTS))
def test_an_action_is_out_exactly_if_there_is_a_reason(known: Any, now: int) -> None:
    values = values_of(known)
    chosen = BOOK.select_for[HERO](BOOK.conditions_of(values), values, now)
    shown = {BOOK.treatments[index].action for index in chosen}
    for one in BOOK.actions:
        assert (one.index in shown) == (told(BOOK, one.action_id, values, now) == ())


KNOWN: dict[str, Value] = {
    "customer.age": 44,
    "customer.name": "Niamh",
    "consent.marketing": True,
    "consent.channels": ("web",),
    "request.channel": "web",
}


def chosen(rules: RuleBook, values: Sequence[Value]) -> set[str]:
    found = rules.select_for[HERO](rules.conditions_of(values), values, 0)
    return {rules.treatments[index].treatment_id for index in found}


def test_where_a_filled_text_is_too_long_the_next_treatment_is_shown() -> None:
    for rules in (BOOK, pickle.loads(pickle.dumps(BOOK))):
        assert "c.named" not in chosen(rules, values_of({**KNOWN, "customer.name": "N" * 16}))
        assert "c.plain" in chosen(rules, values_of({**KNOWN, "customer.name": "N" * 16}))
        assert "c.named" in chosen(rules, values_of({**KNOWN, "customer.name": "N" * 15}))


def test_a_text_that_does_not_fit_is_a_reason_in_words() -> None:
    (too_long,) = told(BOOK, "named", values_of({**KNOWN, "customer.name": "N" * 40}))
    assert (too_long.code, too_long.unknown) == ("availability.text", False)
    assert too_long.detail == (
        "the text of n cannot be shown: headline gets 6 characters too long with customer.name filled in"
    )
    (blank,) = told(BOOK, "named", values_of({**KNOWN, "customer.name": "  "}))
    assert blank.detail == "the text of n cannot be shown: customer.name is blank"
    (missing,) = told(BOOK, "named", values_of({**KNOWN, "customer.name": None}))
    assert missing.unknown


ONE = """\
actions:
  - id: over
    title: Over
    group: bundles
    valid: {from: 2026-01-01}
    value: 1
    treatments:
      - id: over.web
        placement: web.hero
        texts:
          headline: Good day, {customer.name}, how are you today?
"""


def test_reasons_point_at_what_is_to_be_changed() -> None:
    rules = book(actions=ONE)
    late = moment_of("2026-02-01")
    assert late is not None

    def places(name: Value, now: int) -> list[str]:
        return [
            r.place for r in told(rules, "over", values_of({**KNOWN, "customer.name": name}), now)
        ]

    assert places("A", late) == []
    assert places("A", 0) == ["actions/all.yaml:5:5"]
    assert places(None, late) == places(" ", late) == ["actions/all.yaml:11:31"]
    assert places("N" * 40, late) == ["actions/all.yaml:11:21"]
    elsewhere = reasons(rules, rules.actions[0], PlacementId("ivr.prompt"), (True,) * 9, [], late)
    assert [reason.place for reason in elsewhere[1]] == ["actions/all.yaml:2:5"]
