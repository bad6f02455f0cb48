"""Bundles compete as one, fill their slots together, and never leave a fixed one in pieces."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import ActionId, Decision
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.rulebook.loosening import loosened
from tests.builders import decide, question, trace_of
from tests.rulebook.builders import action, book, files

GAMMA = 20.0
SHELF = {
    "web.shelf": {
        "channel": "web",
        "slots": 3,
        "texts": {"headline": 40},
        "fallback": {"headline": "Hi"},
    }
}
VALUES = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
GREEDY = {"exploration": {"policy": "greedy"}}


def rules(
    bundles: Mapping[str, object],
    arbitration: Mapping[str, object] = GREEDY,
    slots: int = 3,
    **more: Mapping[str, object],
) -> RuleBook:
    """Five actions worth 0.1 to 0.5 on a shelf of so many slots; `more` are keys of single actions."""
    return book(
        policies={
            "placements": {"web.shelf": {**SHELF["web.shelf"], "slots": slots}},
            "arbitration": {"priority": "P * V", **arbitration},
            "bundles": bundles,
        },
        actions=[shelved(name, **more.get(name, {})) for name in VALUES],
    )


def shelved(name: str, **keys: object) -> dict[str, object]:
    treatment = {"id": f"{name}.t", "placement": "web.shelf", "texts": {"headline": name}}
    return action(name, **{"value": VALUES[name], "treatments": [treatment], **keys})


def shown(decision: Decision) -> str:
    return "".join(offer.action_id for offer in decision.placements[0].offers)


def on_shelf(bundled: RuleBook, **asked: object) -> str:
    return shown(decide(bundled, question("web.shelf", **asked)))


def test_a_fixed_bundle_competes_by_its_lead_and_is_shown_in_its_order() -> None:
    assert on_shelf(rules({"x": {"actions": ["e", "a"]}})) == "ead"
    assert on_shelf(rules({"x": {"actions": ["a", "e"]}})) == "dcb"


def test_offers_name_the_bundle_they_are_shown_in() -> None:
    offers = (
        decide(rules({"x": {"actions": ["e", "a"]}}), question("web.shelf")).placements[0].offers
    )
    assert [(offer.action_id, offer.bundle) for offer in offers] == [
        ("e", "x"), ("a", "x"), ("d", ""),
    ]  # fmt: skip
    alone = rules({"x": {"lead": "e", "companions": ["a"], "at_most": 1}})
    (offer,) = decide(alone, question("web.shelf", max_offers=1)).placements[0].offers
    assert (offer.action_id, offer.bundle) == ("e", "")


def test_or_by_the_sum_of_all_it_shows() -> None:
    assert on_shelf(rules({"x": {"actions": ["a", "e"], "priority": "sum"}})) == "aed"
    flexible = {"lead": "a", "companions": ["b", "c"], "at_most": 2, "priority": "sum"}
    assert on_shelf(rules({"x": flexible})) == "acb"


def test_it_is_shown_whole_or_not_at_all() -> None:
    bundled = rules({"x": {"actions": ["e", "a", "b"]}})
    assert on_shelf(bundled) == "eab"
    assert on_shelf(bundled, max_offers=2) == "dc"
    never = {"eligible_when": {"never": "customer.age > 99"}}
    assert on_shelf(rules({"x": {"actions": ["e", "a"]}}, b={}, a=never)) == "dcb"


def test_a_flexible_bundle_brings_the_best_of_those_that_qualify() -> None:
    flexible = {"lead": "e", "companions": ["a", "b", "c"], "at_most": 1}
    assert on_shelf(rules({"x": flexible})) == "ecd"
    assert on_shelf(rules({"x": {**flexible, "at_most": 2}})) == "ecb"
    never = {"eligible_when": {"never": "customer.age > 99"}}
    assert on_shelf(rules({"x": flexible}, c=never)) == "ebd"
    assert on_shelf(rules({"x": flexible}, e=never)) == "dcb"
    assert on_shelf(rules({"x": flexible}), max_offers=1) == "e"


def test_mandatory_actions_lead_and_leave_less_room() -> None:
    bundled = rules({"x": {"actions": ["e", "a", "b"]}}, c={"class": "mandatory"})
    assert on_shelf(bundled) == "cd"


def test_an_answer_limit_counts_all_of_a_bundle() -> None:
    limited = {**GREEDY, "limits": {"one": {"group": "save", "at_most": 1}}}
    save = {"group": "save"}
    fixed = rules({"x": {"actions": ["e", "a"]}}, limited, e=save, a=save)
    assert on_shelf(fixed) == "dcb"
    flexible = {"lead": "e", "companions": ["a", "b"], "at_most": 2}
    assert on_shelf(rules({"x": flexible}, limited, e=save, b=save)) == "ead"


@pytest.mark.parametrize(("saving", "expected"), [("eab", "dcb"), ("b", "ead")])
def test_a_fixed_bundle_that_a_contact_policy_would_tear_apart_is_not_shown(
    saving: str, expected: str
) -> None:
    """Of the group `save`, which these actions are of, one offer a day and no more."""
    once = {
        "scope": "group", "count": "impression", "at_least": 1, "within": "1d", "pause": "1d",
    }  # fmt: skip
    obeying = {"group": "save", "contact_policies": ["once"]}
    made = book(
        policies={
            "placements": SHELF,
            "arbitration": {"priority": "P * V", **GREEDY},
            "bundles": {"x": {"actions": ["e", "a"]}},
            "contact_policies": {"once": once},
        },
        actions=[shelved(name, **(obeying if name in saving else {})) for name in VALUES],
    )
    assert on_shelf(made) == expected


@pytest.mark.parametrize(("left", "expected"), [(2, "ead"), (1, "dcb")])
def test_a_fixed_bundle_for_which_a_cap_has_no_room_is_not_shown(left: int, expected: str) -> None:
    made = book(
        policies={
            "placements": SHELF,
            "arbitration": {"priority": "P * V", **GREEDY},
            "bundles": {"x": {"actions": ["e", "a"]}},
            "caps": {"few": {"group": "save", "per_day": left}},
        },
        actions=[shelved(name, **({"group": "save"} if name in "ea" else {})) for name in VALUES],
    )
    assert on_shelf(made) == expected


def test_a_bundle_that_is_gone_is_listed() -> None:
    bundled, free = rules({"x": {"actions": ["e", "a"]}}), rules({})
    (found,) = loosened(bundled, free)
    assert (found.name, found.actions, found.file) == ("bundle.x", ("e", "a"), "policies.yaml")
    assert found.message == "no longer keeps e and a together"
    assert loosened(free, bundled) == loosened(bundled, bundled) == ()


def probability_of(unit: float, others: list[float]) -> float:
    """That of one choice by inverse-gap weighting, among it and `others`; no two are equal."""
    best = max(unit, *others)
    count = 1 + len(others)
    if unit != best:
        return 1 / (count + GAMMA * (1 - unit / best))
    return 1 - sum(1 / (count + GAMMA * (1 - other / best)) for other in others)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_probabilities_are_those_of_choosing_the_bundle(seed: int, summed: bool) -> None:
    keys = {"actions": ["b", "d"], "priority": "sum" if summed else "lead"}
    bundled = rules({"x": keys}, {"exploration": {"gamma": GAMMA}})
    offers = decide(bundled, question("web.shelf"), seed=seed).placements[0].offers
    names = "".join(offer.action_id for offer in offers)
    assert "bd" in names or not {"b", "d"} & set(names)
    worth = {"a": 0.1, "c": 0.3, "e": 0.5, "bd": 0.6 if summed else 0.2}
    at = 0
    while at < len(offers):
        unit = "bd" if names[at] == "b" else names[at]
        fitting = {name: one for name, one in worth.items() if len(name) <= 3 - at}
        others = [one for name, one in fitting.items() if name != unit]
        expected = probability_of(fitting[unit], others) if others else 1.0
        for offer in offers[at : at + len(unit)]:
            assert offer.probability == pytest.approx(expected)
        del worth[unit]
        at += len(unit)


def told(bundled: RuleBook, name: str, **asked: object) -> list[tuple[str, str]]:
    decision = decide(bundled, question("web.shelf", explain=True, **asked))
    (found,) = [c for c in trace_of(decision).candidates if c.action_id == ActionId(name)]
    return [(reason.code, reason.detail) for reason in found.reasons]


def test_the_reasons_say_what_keeps_a_bundle_out() -> None:
    never = {"eligible_when": {"never": "customer.age > 99"}}
    fixed = {"x": {"actions": ["e", "a"]}}
    assert told(rules(fixed, a=never), "e") == [
        ("bundle.x", "shown only together, as e, a: a cannot be shown")
    ]
    assert told(rules({"x": {"actions": ["e", "a", "b"]}}), "e", max_offers=2) == [
        ("bundle.x", "shown only together, as e, a, b: it takes 3 slots, and there are 2")
    ]
    assert told(rules({"x": {"actions": ["a", "e"]}}), "e") == [
        ("bundle.x", "shown only together, as a, e: others came first (its priority is 0.1)")
    ]


def test_elsewhere_its_actions_stand_for_themselves() -> None:
    made = book(
        policies={
            "placements": {
                **SHELF,
                "web.single": {**SHELF["web.shelf"], "slots": 1},
            },
            "arbitration": {"priority": "P * V", **GREEDY},
            "bundles": {"x": {"actions": ["e", "a"]}},
        },
        actions=[
            shelved(
                name,
                treatments=[
                    {"id": f"{name}.{at}", "placement": at, "texts": {"headline": name}}
                    for at in ("web.shelf", "web.single")
                ],
            )
            for name in "ae"
        ],
    )
    assert shown(decide(made, question("web.single"))) == "e"
    assert shown(decide(made, question("web.shelf"))) == "ea"


@pytest.mark.parametrize(
    ("bundles", "message"),
    [
        ({"x": {"actions": ["a"]}}, "a bundle is of two actions or more"),
        ({"x": {"actions": ["a", "a"]}}, "'a' stands in this list twice"),
        ({"x": {"actions": ["a", "z"]}}, "unknown action 'z'."),
        ({"x": {}}, "bundle 'x' needs the key 'actions'"),
        ({"x": {"lead": "a", "at_most": 1}}, "bundle 'x' needs the key 'companions'"),
        ({"x": {"lead": "a", "companions": ["b"]}}, "bundle 'x' needs the key 'at_most'"),
        (
            {"x": {"lead": "a", "companions": ["a", "b"], "at_most": 1}},
            "'a' leads: it is no companion of its own",
        ),
        (
            {"x": {"lead": "a", "companions": ["b"], "at_most": 2}},
            "2 is more than all its companions: 1",
        ),
        ({"x": {"actions": ["a", "m"]}}, "m is mandatory: it always leads, and by itself"),
        (
            {"x": {"actions": ["a", "b"]}, "y": {"actions": ["b", "c"]}},
            "b is in bundle 'x' already",
        ),
        ({"x": {"actions": ["a", "b", "c", "d"]}}, "no placement has room and treatments for all"),
        (
            {"x": {"actions": ["a", "b"], "placements": ["ivr.prompt"]}},
            "the bundle takes 2 slots of ivr.prompt, which has 1",
        ),
        (
            {"x": {"actions": ["a", "b"], "lead": "c", "companions": ["d"], "at_most": 1}},
            "give 'actions', all shown together, or 'lead' and 'companions', not both",
        ),
    ],
)
def test_mistakes(bundles: dict[str, object], message: str) -> None:
    actions = [action(name) for name in "abcd"] + [action("m", **{"class": "mandatory"})]
    found = load(files(policies={"bundles": bundles}, actions=actions)).diagnostics
    assert found
    assert found[0].message.startswith(message)
