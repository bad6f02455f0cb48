"""Foresight: what was worked out before the customer was known decides as if it had been worked out then."""

import pytest

from engine.circumstances import Circumstances, Foresight
from engine.contact.pending import Pending
from engine.deadline import Budget
from engine.decide import Decider
from engine.limits.guards import guards_of
from engine.model import HOUR, Customer, Decision, DecisionId, Micros, PlacementId, Question
from tests.builders import NOW, FixedModel, customer, decider, question
from tests.rulebook.builders import action, book

ACTIONS = [action(name, value=value) for value, name in enumerate("abcdef", 3)]


def given(
    who: Customer, foresight: Foresight | None = None, seed: int = 1, left: float = 1.0
) -> Circumstances:
    budget = Budget(left, lambda: 0.0)
    return Circumstances(DecisionId("d1"), who, NOW, seed, budget, foresight=foresight)


def told(decision: Decision) -> list[tuple[str, float, float]]:
    return [
        (offer.action_id, offer.priority, offer.probability)
        for placed in decision.placements
        for offer in placed.offers
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("asked", [question(), question(context={"customer.age": 20})])
def test_a_decision_is_the_same_with_and_without_it(seed: int, asked: Question) -> None:
    made, who = decider(book(actions=ACTIONS)), customer()
    foresight = made.foresee(asked, given(who))
    assert foresight is not None
    beforehand = made.decide(asked, given(who, foresight, seed))
    plainly = made.decide(asked, given(who, None, seed))
    assert told(beforehand) == told(plainly)
    assert beforehand.values == plainly.values
    assert beforehand.features == plainly.features
    assert beforehand.model_version == plainly.model_version


def test_a_customer_who_has_changed_is_decided_for_as_they_are_now() -> None:
    made = decider(book())
    foresight = made.foresee(question(), given(customer()))
    minor = customer(customer_age=17)
    assert told(made.decide(question(), given(minor, foresight))) == told(
        made.decide(question(), given(minor))
    )


@pytest.mark.parametrize("moved", [1, -1, HOUR])
def test_another_moment_is_looked_at_again(moved: Micros) -> None:
    made, who = decider(book()), customer()
    foresight = made.foresee(question(), given(who))
    decision = made.decide(question(), given(who, foresight)._replace(now=NOW + moved))
    assert decision.values[book().index["now"]] == NOW + moved


def test_a_model_that_has_learned_meanwhile_is_asked_again() -> None:
    rules, who = book(actions=ACTIONS), customer()
    made = decider(rules, [0.1] * len(ACTIONS))
    foresight = made.foresee(question(), given(who))
    made.take_up(FixedModel(rules, [0.5] * len(ACTIONS)), None)
    offers = made.decide(question(), given(who, foresight)).placements[0].offers
    assert {offer.propensity for offer in offers} == {0.5}


def test_another_book_sees_for_itself() -> None:
    who = customer()
    foresight = decider(book(actions=ACTIONS)).foresee(question(), given(who))
    other = decider(book(actions=[action("z")]))
    assert [name for name, _, _ in told(other.decide(question(), given(who, foresight)))] == ["z"]


def test_what_was_offered_meanwhile_counts() -> None:
    """Limits are looked at when it is decided, and never before."""
    once = {"count": "impression", "at_least": 1, "within": "1d", "pause": "1d", "scope": "action"}
    rules = book(
        policies={"contact_policies": {"once": once}},
        actions=[action("a", contact_policies=["once"])],
    )
    pending = Pending()
    pending.assume_shown = HOUR
    made = Decider(rules, FixedModel(rules), lambda: 0.0, guards_of(rules, pending))
    who = customer()
    foresight = made.foresee(question(), given(who))
    first = made.decide(question(), given(who, foresight))
    made.commit(first)
    second = made.decide(question(), given(who, foresight)._replace(decision_id=DecisionId("d2")))
    assert [name for name, _, _ in told(first)] == ["a"]
    assert second.placements[0].fallback


def test_without_time_for_all_of_it_twice_there_is_none() -> None:
    made = decider(book())
    assert made.foresee(question(), given(customer(), left=0.000_1)) is None


def test_it_holds_for_every_placement_asked_for() -> None:
    made, who = decider(book(actions=ACTIONS)), customer()
    asked = question("web.hero")
    foresight = made.foresee(asked, given(who))
    assert foresight is not None
    assert [sight.placement for sight in foresight.sights] == [PlacementId("web.hero")]
