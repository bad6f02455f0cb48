from itertools import islice

import pytest

from engine.demo.population import Person
from engine.demo.visits import PAGES, Visit, pages_of, visits
from engine.demo.world import Reaction, Shown, World
from engine.errors import InvalidInput
from engine.model import ActionId, PlacementId
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from tests.demo.conftest import NOW, ROOT

HERO, IVR = PlacementId("web.home_hero"), PlacementId("ivr.main_prompt")
SECURITY, FIBRE = ActionId("home_security"), ActionId("fibre_upgrade")
HOME, CALL = PAGES[0], PAGES[2]


def reactions(world: World, visit: Visit, *actions: str) -> list[Reaction]:
    shown = [Shown(ActionId(action), visit.page.placements[0]) for action in actions]
    return world.react(visit, shown, NOW)


def outcomes(made: list[Reaction]) -> list[tuple[str, str]]:
    return [(each.action_id, each.outcome) for each in made]


def test_whatever_is_shown_is_seen(world: World) -> None:
    for chance in range(200):
        made = outcomes(reactions(world, Visit(1, HOME, "browse", chance), SECURITY, FIBRE))
        assert (SECURITY, "impression") in made
        assert (FIBRE, "impression") in made


def test_nobody_takes_more_than_one_offer_a_visit(world: World) -> None:
    for chance in range(300):
        made = outcomes(reactions(world, Visit(2, HOME, "", chance), SECURITY, FIBRE, "welcome"))
        assert sum(outcome == "accept" for _, outcome in made) <= 1


def test_a_click_comes_before_an_accept_on_the_web_and_there_is_none_on_the_telephone(
    world: World,
) -> None:
    accepted = 0
    for chance in range(300):
        web = outcomes(reactions(world, Visit(3, HOME, "", chance), SECURITY))
        if (SECURITY, "accept") in web:
            accepted += 1
            assert web.index((SECURITY, "click")) < web.index((SECURITY, "accept"))
        call = outcomes(reactions(world, Visit(3, CALL, "", chance), SECURITY))
        assert (SECURITY, "click") not in call
    assert accepted > 0


@pytest.mark.parametrize("page", [HOME, CALL])
def test_offers_are_taken_as_often_as_tastes_have_it(world: World, page: object) -> None:
    assert page in (HOME, CALL)
    where = HOME if page is HOME else CALL
    for person in range(5):
        visit = Visit(person, where, "", 0)
        likes = world._likes(visit, SECURITY, 0)
        tries = 2_000
        taken = sum(
            (SECURITY, "accept")
            in outcomes(reactions(world, Visit(person, where, "", i), SECURITY))
            for i in range(tries)
        )
        assert abs(taken / tries - likes) < 4 * (likes * (1 - likes) / tries) ** 0.5


def test_what_was_taken_is_not_taken_again_and_the_profile_shows_it(world: World) -> None:
    person = next(i for i in range(100) if world.profile(i)["telco.internet"] == "dsl")
    assert world.learn_of(person, FIBRE) == {"telco.internet": "fibre"}
    assert world.profile(person)["telco.internet"] == "fibre"
    for chance in range(300):
        made = outcomes(reactions(world, Visit(person, HOME, "upgrade", chance), FIBRE))
        assert (FIBRE, "accept") not in made


def test_a_mandatory_notice_is_no_offer(world: World) -> None:
    notice = ActionId("planned_work_notice")
    assert not world.takes_offers([Shown(notice, HERO)])
    assert world.takes_offers([Shown(notice, HERO), Shown(SECURITY, HERO)])
    for chance in range(100):
        made = outcomes(reactions(world, Visit(1, CALL, "", chance), notice))
        assert (notice, "accept") not in made


def test_the_money_is_the_books_value_for_this_customer(world: World, people: list[Person]) -> None:
    paid = {}
    for person in range(60):
        for chance in range(200):
            for each in reactions(
                world, Visit(person, HOME, "", chance), SECURITY, "annual_contract"
            ):
                if each.outcome == "accept":
                    paid[person, each.action_id] = each.money
                else:
                    assert each.money == 0.0
    monthly = {
        i: person.attributes["telco.monthly_charges"] for i, person in enumerate(people[:60])
    }
    assert {money for (_, action), money in paid.items() if action == SECURITY} == {30.0}
    contracts = {i: money for (i, action), money in paid.items() if action == "annual_contract"}
    assert len(contracts) > 10
    for person, money in contracts.items():
        charge = monthly[person]
        assert isinstance(charge, float)
        assert money == pytest.approx(charge * 12 * 0.1)


def test_a_seed_is_a_stream_of_visits() -> None:
    some = list(islice(visits(100, PAGES, 5), 500))
    assert some == list(islice(visits(100, PAGES, 5), 500))
    assert {visit.page.name for visit in some} == {page.name for page in PAGES}
    assert {visit.page.channel for visit in some} == {"web", "ivr"}
    assert len({visit.reason for visit in some}) >= 5


def test_a_book_about_something_else_is_refused() -> None:
    bank = load(ROOT / "rules" / "bank").book
    assert bank is not None
    with pytest.raises(InvalidInput, match=r"does not declare .*telco\.plan"):
        pages_of(bank)


def test_the_telecom_book_has_every_page(book: RuleBook) -> None:
    assert pages_of(book) == PAGES
