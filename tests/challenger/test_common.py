"""What holds for the challenger because the champion asks it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.caps.guard import CapsGuard
from engine.caps.ledger import Ledger
from engine.caps.vault import Fleeting
from engine.challenger.caps import missing_budgets, with_caps_of
from engine.challenger.common import guards_in_common
from engine.challenger.contact import with_contact_of
from engine.decide import Decider
from engine.limits.guards import guards_of
from engine.model import DAY, HOUR, ActionId, Decision, DecisionId, Stage, Value
from engine.rulebook.book import RuleBook
from tests.builders import ADULT, NOW, FixedModel, customer, decide, question, trace_of
from tests.rulebook.builders import ATTRIBUTES, action, book

AB = [action("a", value=9), action("b")]
NOBODY: dict[str, Any] = {"all_actions": {}}


def shown(decision: Decision) -> list[str]:
    placed = decision.placements[0]
    return [] if placed.fallback else sorted(offer.action_id for offer in placed.offers)


def made(champion: RuleBook, challenger: RuleBook, explain: bool = False, **who: Value) -> Decision:
    guards = (*guards_of(challenger), *guards_in_common(champion, challenger))
    by = Decider(challenger, FixedModel(challenger), lambda: 0.0, guards)
    return decide(challenger, question(explain=explain), customer(**who), by=by)


def stopping(**entry: str) -> RuleBook:
    return book(actions=AB, more={"stop.yaml": json.dumps({"stopped": [entry]})})


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"action": "a"}, ["b"]),
        ({"treatment": "b.web"}, ["a"]),
        ({"group": "bundles"}, []),
        ({"issue": "grow"}, []),
        ({"placement": "web.hero"}, []),
        ({"channel": "web"}, []),
        ({"channel": "ivr"}, ["a", "b"]),
        ({"action": "a", "until": "2026-01-01"}, ["a", "b"]),
    ],
)
def test_what_the_champion_stops_is_stopped_for_the_challenger(
    entry: dict[str, str], left: list[str]
) -> None:
    assert shown(made(stopping(**entry), book(actions=AB))) == left


def test_a_mandatory_action_is_stopped_too_and_the_reason_says_by_whom() -> None:
    must = [action("a", **{"class": "mandatory"}), action("b")]
    decision = made(stopping(action="a"), book(actions=must), explain=True)
    assert shown(decision) == ["b"]
    [out] = [c for c in trace_of(decision).candidates if c.action_id == "a"]
    assert [(r.stage, r.code, r.place) for r in out.reasons] == [
        (Stage.AVAILABILITY, "availability.stopped", "stop.yaml:1:25")
    ]


def test_consent_the_champion_asks_for_is_needed_where_the_challenger_asks_for_none() -> None:
    champion, challenger = book(actions=AB), book(actions=AB, policies=NOBODY)
    assert shown(made(champion, challenger)) == ["a", "b"]
    assert shown(made(champion, challenger, consent_marketing=False)) == []
    unknown = {name: value for name, value in ADULT.items() if name != "consent.marketing"}
    guards = guards_in_common(champion, challenger)
    by = Decider(challenger, FixedModel(challenger), lambda: 0.0, guards)
    somebody = customer()
    somebody.attributes.clear()
    somebody.attributes.update(unknown)
    assert shown(decide(challenger, who=somebody, by=by)) == []


def test_an_attribute_that_says_yes_by_default_gives_no_consent() -> None:
    said = ATTRIBUTES.replace(
        "consent.marketing: {type: bool}", "consent.marketing: {type: bool, default: true}"
    )
    champion, challenger = book(actions=AB), book(actions=AB, attributes=said)
    assert len(guards_in_common(champion, challenger)) == 1
    assert guards_in_common(champion, book(actions=AB)) == ()


def test_an_action_that_does_without_consent_does_so_for_the_challenger_too() -> None:
    notice = [action("a", opt_out=["consent"]), action("b")]
    champion = book(actions=notice)
    challenger = book(actions=[action("a"), action("b")], policies=NOBODY)
    assert shown(made(champion, challenger, consent_marketing=False)) == ["a"]


def test_an_action_only_the_challenger_has_needs_the_consent_all_actions_need() -> None:
    challenger = book(actions=[action("new")], policies=NOBODY)
    assert shown(made(book(actions=AB), challenger)) == ["new"]
    assert shown(made(book(actions=AB), challenger, consent_marketing=False)) == []


# --- contact policies ---------------------------------------------------------------------------

ONCE = {"scope": "all", "count": "impression", "at_least": 1, "within": "1d", "pause": "1d"}
TWICE = ONCE | {"at_least": 2}


def said(of: RuleBook) -> dict[str, tuple[str, ...]]:
    return {str(action.action_id): action.contact_policies for action in of.actions}


def contacting(policies: dict[str, Any], **of_actions: list[str]) -> RuleBook:
    return book(
        actions=[action(name, contact_policies=names) for name, names in of_actions.items()],
        policies={"contact_policies": policies},
    )


def test_a_contact_policy_the_challenger_lacks_holds_for_the_same_action() -> None:
    champion = contacting({"once": ONCE, "twice": TWICE}, a=["once", "twice"], b=["twice"])
    merged = with_contact_of(champion, book(actions=[action("b"), action("a"), action("new")]))
    assert said(merged) == {"b": ("twice",), "a": ("once", "twice"), "new": ("twice",)}
    assert merged.contact.policies == champion.contact.policies


def test_a_contact_policy_both_have_holds_as_the_challenger_writes_it() -> None:
    champion, challenger = (
        contacting({"often": ONCE}, a=["often"]),
        contacting({"often": TWICE}, a=[]),
    )
    merged = with_contact_of(champion, challenger)
    assert said(merged) == {"a": ("often",)}
    assert merged.contact.policies == challenger.contact.policies


def test_a_book_that_holds_the_same_is_not_changed() -> None:
    same = contacting({"once": ONCE}, a=["once"], b=[])
    assert with_contact_of(same, same) == same


# --- caps ---------------------------------------------------------------------------------------


def capped(**caps: Any) -> RuleBook:
    return book(actions=[action("a", caps=caps), action("b")])


def limits(of: RuleBook, now: int = NOW) -> dict[str, int]:
    return {cap.key: cap.limit_at(now) for cap in of.caps}


def test_a_cap_both_have_holds_at_the_lower_limit() -> None:
    assert limits(with_caps_of(capped(per_day=5), capped(per_day=9))) == {"a/offers/day": 5}
    assert limits(with_caps_of(capped(per_day=9), capped(per_day=5))) == {"a/offers/day": 5}


def test_a_cap_the_challenger_lacks_holds_for_the_same_action() -> None:
    merged = with_caps_of(capped(total=7), book(actions=[action("b"), action("a")]))
    [cap] = merged.caps
    assert cap.limit == 7
    assert {merged.actions[merged.treatments[t].action].action_id for t in cap.treatments} == {"a"}


def test_a_cap_of_an_action_the_challenger_has_not_is_left_out() -> None:
    assert with_caps_of(capped(total=7), book(actions=[action("b")])).caps == ()


def test_the_lower_limit_holds_at_every_moment_that_levers_change() -> None:
    levers = "action_id,lever,value,per_day,from,to,owner\na,,,{n},2026-11-18,2026-11-18,me\n"
    own = book(actions=[action("a", caps={"per_day": 9})], more={"levers.csv": levers.format(n=2)})
    merged = with_caps_of(capped(per_day=5), own)
    days = [NOW + n * DAY for n in range(-3, 4)] + [NOW + n * HOUR for n in range(-48, 48, 7)]
    for now in days:
        assert limits(merged, now)["a/offers/day"] == min(5, own.caps[0].limit_at(now))
    assert {limits(merged, now)["a/offers/day"] for now in days} == {2, 5}


@given(
    st.integers(1, 6),
    st.none() | st.integers(1, 6),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["shown", "lost", "nothing"])), max_size=30),
)
@settings(deadline=None, max_examples=60)
def test_whoever_decides_no_more_is_given_out_than_the_champion_allows(
    limit: int, theirs: int | None, steps: list[tuple[bool, str]]
) -> None:
    champion = capped(total=limit)
    challenger = with_caps_of(
        champion, book(actions=AB) if theirs is None else capped(total=theirs)
    )
    ledger = Ledger(Fleeting())
    deciders = [
        Decider(one, FixedModel(one), lambda: 0.0, guards_of(one, caps=CapsGuard(one, ledger)))
        for one in (champion, challenger)
    ]
    held = 0
    for number, (is_challenger, fate) in enumerate(steps):
        by = deciders[is_challenger]
        decision = decide(by.book, question(), by=by, seed=number)
        decision.decision_id = name = DecisionId(f"d{number}")
        by.commit(decision)
        if "a" not in shown(decision):
            continue
        if is_challenger and theirs is not None:
            assert held < theirs
        held += 1
        assert held <= limit
        if fate == "shown":
            assert ledger.confirm(name, ActionId("a"))
        elif fate == "lost":
            assert ledger.release(name, ActionId("a"))
            held -= 1
    assert sum(account.used for account in ledger.accounts) == held


def test_a_budget_whose_cost_only_the_champion_can_work_out_is_named() -> None:
    cost = {"budget": {"amount": 100, "currency": "NGN", "cost_each": "customer.age * 0.1"}}
    champion, without = capped(**cost), book(actions=AB)
    assert [cap.code for cap in missing_budgets(champion, without)] == ["budget.a"]
    assert missing_budgets(champion, champion) == ()
    assert missing_budgets(capped(budget={**cost["budget"], "cost_each": 2}), without) == ()
