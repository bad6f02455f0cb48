import numpy as np

from engine.evaluation.roster import Roster
from engine.model import ActionId, Contest, Offer, PlacementId, TreatmentId


def contest(**propensities: float) -> Contest:
    """Rivals by index (`i3=0.2`), in a book of ten actions worth 5 each."""
    indexes = [int(name[1:]) for name in propensities]
    of_all = np.full(10, np.nan)
    of_all[indexes] = list(propensities.values())
    five = np.full(10, 5.0)
    actions = np.array(indexes, np.intp)
    return Contest(PlacementId("p"), actions, of_all[actions] * 5, of_all, five, five, five)


def offer(name: str, propensity: float) -> Offer:
    return Offer(
        ActionId(name), TreatmentId(name), "", "", 1, propensity * 5, propensity, 5.0, 0.5, {}
    )


def test_the_offer_is_the_rival_with_its_propensity_and_value() -> None:
    roster = Roster()
    assert roster.note("v1", offer("a", 0.2), contest(i3=0.2, i4=0.1))
    assert roster.names("v1") == {3: "a"}
    assert roster.names("v2") == {}


def test_equals_are_told_apart_by_other_decisions() -> None:
    roster = Roster()
    roster.note("v1", offer("a", 0.1), contest(i3=0.1, i4=0.1))
    roster.note("v1", offer("b", 0.1), contest(i3=0.1, i4=0.1))
    roster.note("v1", offer("b", 0.1), contest(i3=0.1, i5=0.3))
    assert roster.names("v1") == {3: "b", 4: "a"}


def test_equals_in_every_contest_get_an_index_each() -> None:
    roster = Roster()
    for name in "ab":
        roster.note("v1", offer(name, 0.1), contest(i3=0.1, i4=0.1))
    assert sorted(roster.names("v1").items()) == [(3, "a"), (4, "b")]


def test_who_did_not_compete_says_nothing() -> None:
    roster = Roster()
    assert not roster.note("v1", offer("a", 0.7), contest(i3=0.1))
    assert not roster.note("v1", offer("a", 0.1), unasked(contest(i3=0.1)))
    assert roster.names("v1") == {}


def unasked(asked: Contest) -> Contest:
    """The same contest, had the model not been asked."""
    return asked._replace(propensities=None)


def test_a_book_at_hand_says_it_all() -> None:
    roster = Roster()
    roster.note("v1", offer("a", 0.2), contest(i3=0.2))
    roster.settle("v1", [ActionId("x"), ActionId("y")])
    assert roster.names("v1") == {0: "x", 1: "y"}
