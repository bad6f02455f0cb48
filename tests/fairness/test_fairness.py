"""Fairness over people whose treatment is known, and over a data directory."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.codec import DecisionRecord
from engine.errors import InvalidInput
from engine.fairness.fairness import MOST_VALUES, Disparity, Fairness, disparities_by, fairness
from engine.fairness.people import People, Person
from engine.fairness.subjects import Subject, chosen
from engine.fairness.telling import sentence, told
from engine.health.limits import Severity
from engine.model import ActionId, Value
from engine.rulebook.book import RuleBook
from tests.builders import customer, decide, question
from tests.health.living import ACTIONS, ATTRIBUTES, NEVER_ASKED, PEOPLE, directory
from tests.rulebook.builders import action, book

A, B = ActionId("a"), ActionId("b")


def small_book() -> RuleBook:
    return book(attributes=ATTRIBUTES, actions=[action("a"), action("b")])


def crowd(size: int, favoured: float) -> list[Person]:
    """Half women, half men. Everybody is offered and shown `b`; `a` women always, men more seldom."""
    chance = np.random.default_rng(7)
    people = []
    for at in range(size):
        woman = at % 2 == 0
        known: dict[str, Value] = {"customer.gender": "female" if woman else "male"}
        known["customer.income"] = float(chance.normal(30 if woman else 60, 10))
        person = Person(known, {B}, {B}, {B} if chance.uniform() < 0.3 else set())
        if woman or chance.uniform() < favoured:
            person.offered.add(A)
        people.append(person)
    return people


def by(attribute: str, people: list[Person]) -> dict[tuple[str, str, str], Disparity]:
    of = small_book()
    declared = of.attributes[of.index[attribute]]
    found = disparities_by(declared, people, chosen(people, of))
    return {(one.measure, str(one.subject), one.category): one for one in found}


def test_who_is_offered_less_is_found() -> None:
    found = by("customer.gender", crowd(2_000, 0.5))
    men = found["offered", "action a", "male"]
    assert men.severity is Severity.WARNING
    assert men.part.rate == pytest.approx(0.5, abs=0.05)
    assert men.others.rate == 1.0
    assert found["offered", "action b", "male"].severity is Severity.GOOD
    assert found["took", "action b", "male"].severity in (Severity.GOOD, Severity.UNTOLD)
    assert sentence(men).startswith("customer.gender = male: ")
    assert "were offered action a, of all others 100.0%: ratio 0.5" in sentence(men)


def test_of_two_mirrored_categories_one_line_is_told() -> None:
    found = by("customer.gender", crowd(2_000, 0.5))
    text = told(Fairness(2_000, {}, 0, tuple(found.values())))
    assert "customer.gender = male: " in text
    assert "customer.gender = female: " not in text
    assert text.startswith("Fairness: 2 of ")


def test_who_alone_is_offered_something_has_at_least_a_ratio() -> None:
    women = by("customer.gender", crowd(2_000, 0.0))["offered", "action a", "female"]
    assert "of all others 0.0%: ratio at least " in sentence(women)


def test_issue_and_group_hold_what_their_actions_do() -> None:
    found = by("customer.gender", crowd(2_000, 0.5))
    assert found["offered", "group bundles", "male"].part.rate == 1.0
    assert found["offered", "issue grow", "male"].part.rate == 1.0
    assert found["offered", "anything", "male"].part.customers == 1_000


def test_a_number_that_goes_with_it_is_found() -> None:
    found = by("customer.income", crowd(2_000, 0.2))
    uneven = found["offered", "action a", ""]
    assert uneven.estimate is not None
    assert uneven.estimate.high < -0.5
    assert sentence(uneven).startswith("Customers with lower customer.income were offered action a")
    assert found["took", "action b", ""].severity is Severity.GOOD


def test_a_few_people_tell_nothing() -> None:
    found = by("customer.gender", crowd(8, 0.0))
    assert {one.severity for one in found.values()} == {Severity.UNTOLD}
    assert "too few to tell" in sentence(found["offered", "action a", "male"])


def test_whose_value_is_not_known_is_left_out() -> None:
    people = crowd(2_000, 0.5)
    for person in people[:500]:
        person.known.clear()
    assert by("customer.gender", people)["offered", "action b", "male"].part.customers == 750


def test_only_the_most_frequent_values_are_looked_at() -> None:
    people = [Person({"customer.gender": f"g{at % 40}"}, {A}) for at in range(400)]
    assert len(by("customer.gender", people)) == 4 * MOST_VALUES


def test_an_action_gone_from_the_book_counts_under_anything() -> None:
    gone = ActionId("gone")
    found = chosen([Person({}, {gone})], small_book())
    assert list(found) == [Subject("all", ""), Subject("action", "gone")]


def test_what_a_customer_became_after_an_offer_is_not_held_against_it() -> None:
    of = small_book()
    people = People(of, [of.attributes[of.index["customer.gender"]]])
    then, later = (decide(of, who=customer(customer_gender=value)) for value in ("female", "male"))
    people.note([DecisionRecord(question(), made) for made in (then, later)])
    assert people.persons[then.customer_id].known == {"customer.gender": "female"}


# --- over a data directory ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return directory(tmp_path_factory.mktemp("living"), 1_200)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application(["fairness"]), ["fairness", *map(str, arguments)])


def test_what_is_declared_sensitive_is_looked_at(data: Path) -> None:
    found = fairness(data)
    assert found.customers == PEOPLE - NEVER_ASKED
    assert found.unknown == {"customer.gender": 0, "customer.income": 0}
    assert found.from_profiles == 0
    assert {one.attribute for one in found.disparities} == {"customer.gender", "customer.income"}
    assert {one.subject.name for one in found.disparities} >= {"", "grow", "young", "plain"}


def test_offers_by_age_are_uneven_by_age_and_by_nothing_else(data: Path) -> None:
    found = fairness(data, also=["customer.age"])
    [uneven] = [
        one
        for one in found.disparities
        if (one.attribute, one.measure, one.subject.name) == ("customer.age", "took", "young")
    ]
    assert uneven.estimate is not None
    assert uneven.estimate.high < -0.3
    gender = [one for one in found.disparities if one.attribute == "customer.gender"]
    assert all(one.severity is not Severity.CRITICAL for one in gender)


def test_values_of_another_books_decisions_are_those_of_today(data: Path) -> None:
    other = book(attributes=ATTRIBUTES, actions=[*ACTIONS, action("new")])
    assert fairness(data, other).from_profiles == 2 * (PEOPLE - NEVER_ASKED)


def test_an_attribute_that_is_not_declared_is_refused(data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"customer\.age"):
        fairness(data, also=["customer.aeg"])


def test_a_book_without_sensitive_attributes_says_what_to_do(data: Path) -> None:
    with pytest.raises(InvalidInput, match="--attribute"):
        fairness(data, book())


def test_from_the_command_line(data: Path) -> None:
    answer = run("--data", data, "--days", 0)
    assert answer.exit_code in (0, 1)
    assert answer.stdout.startswith("Fairness: ")
    report = json.loads(run("--data", data, "--days", 0, "--format", "json").stdout)
    assert report["customers"] == PEOPLE - NEVER_ASKED
    assert {"rate_ratio", "gini"} <= {key for one in report["disparities"] for key in one}


def test_what_cannot_be_read_ends_with_status_two(tmp_path: Path) -> None:
    result = run("--data", tmp_path)
    assert result.exit_code == 2
    assert "holds no rule book" in result.stderr
