"""Answer limits hold whatever chance does, withhold nothing else, and leave probabilities exact."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import ActionId, PlacementOffers
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.rulebook.loosening import loosened
from tests.builders import decide, question, trace_of
from tests.rulebook.builders import POLICIES, action, book, files

FAMILIES = {"a": "data", "b": "data", "c": "voice", "d": "voice", "e": "data", "f": ""}
GAMMA = 20.0
EXPLORING = {"gamma": GAMMA}
PLACEMENTS: dict[str, dict[str, Any]] = {
    name: {"channel": "web", "slots": 3, "texts": {"headline": 40}, "fallback": {"headline": "Hi"}}
    for name in ("web.one", "web.two")
}


def rules(
    limits: dict[str, object], exploration: Mapping[str, object] = EXPLORING, **classes: str
) -> RuleBook:
    """Six actions, alternately of two groups, each in two placements of three slots."""
    made = []
    for n, (name, family) in enumerate(FAMILIES.items()):
        treatments = [
            {"id": f"{name}.{at}", "placement": at, "texts": {"headline": name}}
            for at in PLACEMENTS
        ]
        keys = {"attributes": {"family": family}} if family else {}
        group = "bundles" if n % 2 else "save"
        class_ = {"class": classes[name]} if name in classes else {}
        made.append(action(name, group=group, value=n + 1, treatments=treatments, **keys, **class_))
    arbitration = {"priority": "P * V", "exploration": exploration, "limits": limits}
    return book(policies={"placements": PLACEMENTS, "arbitration": arbitration}, actions=made)


def groups(placed: PlacementOffers) -> list[str]:
    return [offer.group for offer in placed.offers if offer.action_id]


def limit_of(drawn: dict[str, Any]) -> dict[str, object]:
    kind, name = drawn["what"]
    return {kind: name, "at_most": drawn["at_most"], "per": drawn["per"]}


LIMITS = st.fixed_dictionaries(
    {
        "at_most": st.integers(1, 3),
        "per": st.sampled_from(["answer", "placement"]),
        "what": st.sampled_from([("group", "save"), ("each", "group"), ("each", "family")]),
    }
).map(limit_of)


def kind_of(action_id: str, limit: dict[str, object]) -> str:
    """What an action counts as, read from the test's own tables."""
    group = "bundles" if list(FAMILIES).index(action_id) % 2 else "save"
    if limit.get("group"):
        return "save" if group == "save" else ""
    return group if limit["each"] == "group" else FAMILIES[action_id]


def naive_probability(shown: str, left: dict[str, float]) -> float:
    """Inverse-gap weighting by its definition; `left` are the priorities of all that are open."""
    best = max(left, key=lambda one: left[one])
    share = {
        one: 1 / (len(left) + GAMMA * (1 - priority / left[best]))
        for one, priority in left.items()
        if one != best
    }
    return 1 - sum(share.values()) if shown == best else share[shown]


@settings(max_examples=60, deadline=None)
@given(st.lists(LIMITS, max_size=2), st.integers(0, 1000))
def test_limits_hold_nothing_else_is_withheld_and_probabilities_are_exact(
    written: list[dict[str, object]], seed: int
) -> None:
    limited = rules({f"l{n}": one for n, one in enumerate(written)})
    decision = decide(limited, question("web.one", "web.two"), seed=seed)
    held: Counter[tuple[int, str, str]] = Counter()
    shown: set[str] = set()

    def counted(name: str, at: str) -> list[tuple[int, str, str]]:
        return [
            (n, kind, at if limit["per"] == "placement" else "")
            for n, limit in enumerate(written)
            if (kind := kind_of(name, limit))
        ]

    def is_open(name: str, at: str) -> bool:
        return name not in shown and all(
            held[key] < int(str(written[key[0]]["at_most"])) for key in counted(name, at)
        )

    for placed in decision.placements:
        before = set(shown)
        offers = [offer for offer in placed.offers if offer.action_id]
        for offer in offers:
            left = {
                name: 0.1 * (n + 1)
                for n, name in enumerate(FAMILIES)
                if name not in before and is_open(name, placed.placement)
            }
            assert offer.action_id in left
            assert offer.probability == pytest.approx(naive_probability(offer.action_id, left))
            shown.add(offer.action_id)
            held.update(counted(offer.action_id, placed.placement))
        if len(offers) < 3:
            assert not any(is_open(name, placed.placement) for name in FAMILIES)


def test_what_one_placement_holds_counts_in_the_next_or_not_as_it_is_written() -> None:
    asked = question("web.one", "web.two")
    one = {"group": "save", "at_most": 1}
    by_answer = decide(rules({"l": one}), asked).placements
    assert [groups(placed).count("save") for placed in by_answer] == [1, 0]
    by_placement = decide(rules({"l": {**one, "per": "placement"}}), asked).placements
    assert [groups(placed).count("save") for placed in by_placement] == [1, 1]


def test_mandatory_actions_lead_and_count() -> None:
    limited = rules({"l": {"group": "save", "at_most": 1}}, a="mandatory", c="mandatory")
    (placed,) = decide(limited, question("web.one")).placements
    assert groups(placed) == ["save", "save", "bundles"]


def test_the_reason_names_the_limit() -> None:
    limited = rules(
        {"one": {"title": "One of a kind", "each": "family", "at_most": 1}}, {"policy": "greedy"}
    )
    decision = decide(limited, question("web.one", explain=True))
    assert [offer.action_id for offer in decision.placements[0].offers] == ["f", "e", "d"]
    for name in ("a", "b"):
        (told,) = [c for c in trace_of(decision).candidates if c.action_id == ActionId(name)]
        (reason,) = told.reasons
        assert reason.code == "limit.one"
        assert reason.detail == (
            "One of a kind: at most 1 of family data in one answer, and there is that already"
        )


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"group": "sav", "at_most": 1}, "unknown group 'sav'. Did you mean 'save'?"),
        ({"group": "save"}, "limit 'one' needs the key 'at_most'"),
        ({"group": "save", "at_most": 0}, "the number 0 is not between 1 and 1000"),
        ({"at_most": 1}, "say what is limited: 'group: …', 'issue: …', or 'each: group'"),
        ({"group": "save", "each": "issue", "at_most": 1}, "'group' and 'each': name only one"),
        ({"each": "famly", "at_most": 1}, "unknown kind 'famly'. Did you mean 'family'?"),
        ({"each": "group", "at_most": 1, "per": "day"}, "'day' is no span (answer, placement)."),
    ],
)
def test_mistakes(limit: dict[str, object], message: str) -> None:
    made = files(
        policies={"arbitration": {"limits": {"one": limit}}},
        actions=[action("a", attributes={"family": "data"})],
    )
    (found,) = [one.message for one in load(made).diagnostics]
    assert found.startswith(message)


def test_a_limit_that_is_gone_or_wider_is_listed() -> None:
    def limited(at_most: int) -> RuleBook:
        limits = {"one": {"group": "save", "at_most": at_most}}
        return book(policies={"arbitration": {"limits": limits}})

    assert [str(one) for one in loosened(limited(1), limited(2))] == [
        "limit.one is at most 2; it was at most 1"
    ]
    assert [str(one) for one in loosened(limited(1), book(policies=POLICIES))] == [
        "limit.one is gone; it was at most 1"
    ]
    assert loosened(limited(2), limited(1)) == ()
