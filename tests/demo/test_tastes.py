from itertools import product

import numpy as np
import pytest

from engine.demo.population import Person
from engine.demo.tastes import Tastes
from engine.model import ActionId, Value
from engine.rulebook.book import RuleBook

FILMS, FIBRE = ActionId("films"), ActionId("fibre")
FAMILIES = {FILMS: "entertainment", FIBRE: "broadband", ActionId("odd"): "never heard of"}


def chance(seed: int = 1, action: ActionId = FILMS, **attributes: Value) -> float:
    named = {name.replace("_", ".", 1): value for name, value in attributes.items()}
    tastes = Tastes(seed, FAMILIES)
    return tastes.chance(tastes.appetite("anna", named), action, "web", "", 0)


def test_a_chance_is_a_probability_whoever_and_wherever(people: list[Person]) -> None:
    tastes = Tastes(1, FAMILIES)
    for person in people[:100]:
        appetite = tastes.appetite(person.customer_id, person.attributes)
        for action, channel, reason, position in product(
            FAMILIES, ("web", "ivr"), ("", "cancel", "fault", "anything"), (0, 9)
        ):
            assert 0.0 < tastes.chance(appetite, action, channel, reason, position) < 1.0


def test_a_seed_is_a_world() -> None:
    assert chance(seed=1) == chance(seed=1)
    assert chance(seed=1) != chance(seed=2)


def test_tastes_take_several_attributes_together() -> None:
    """Children and fibre: together they make more than the sum of what each makes alone."""
    combined = {
        (children, internet): chance(customer_dependents=children, telco_internet=internet)
        for children in (True, False)
        for internet in ("fibre", "dsl")
    }
    logits = {key: np.log(p / (1 - p)) for key, p in combined.items()}
    together = logits[True, "fibre"] - logits[False, "dsl"]
    apart = (logits[True, "dsl"] - logits[False, "dsl"]) + (
        logits[False, "fibre"] - logits[False, "dsl"]
    )
    assert together - apart > 0.3


def test_the_same_profile_does_not_make_the_same_person() -> None:
    tastes = Tastes(1, FAMILIES)
    chances = {tastes.chance(tastes.appetite(f"c{i}", {}), FILMS, "web", "", 0) for i in range(20)}
    assert len(chances) == 20


def test_what_stands_further_down_is_overlooked() -> None:
    tastes = Tastes(1, FAMILIES)
    appetite = tastes.appetite("anna", {})
    down = [tastes.chance(appetite, FILMS, "web", "", position) for position in range(4)]
    assert down == sorted(down, reverse=True)
    assert len(set(down)) == 4


def test_people_differ_and_no_action_is_everybodys_favourite(
    people: list[Person], book: RuleBook
) -> None:
    families = {a.action_id: a.attributes.get("family", "") for a in book.actions}
    tastes = Tastes(1, families)
    actions = [a for a, family in families.items() if family not in {"", "birthday", "apology"}]
    likes = np.array(
        [
            [tastes.chance(appetite, action, "web", "", 0) for action in actions]
            for person in people[:300]
            for appetite in [tastes.appetite(person.customer_id, person.attributes)]
        ]
    )
    favourites = np.bincount(likes.argmax(axis=1), minlength=len(actions)) / len(likes)
    assert favourites.max() < 0.5
    assert (favourites > 0).sum() >= 6
    assert 0.05 < likes.mean() < 0.35


@pytest.mark.parametrize("family", ["entertainment", "never heard of"])
def test_every_family_has_tastes(family: str) -> None:
    tastes = Tastes(1, {FILMS: family})
    young = tastes.appetite("anna", {"customer.age": 20, "telco.data_gb_month": 40.0})
    old = tastes.appetite("anna", {"customer.age": 80, "telco.data_gb_month": 0.5})
    assert tastes.chance(young, FILMS, "web", "", 0) != tastes.chance(old, FILMS, "web", "", 0)
