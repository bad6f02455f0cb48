import pytest

from engine.rulebook.load import load
from tests.rulebook.builders import action, files

TREATMENT = {"id": "a.web", "placement": "web.hero"}


def remarks(actions, **policies):
    found = load(files(actions=actions, policies=policies)).diagnostics
    return [one.message for one in found]


@pytest.mark.parametrize("lever", [0.2, -0.5, 1.5])
def test_a_percentage_that_looks_like_a_fraction_or_a_factor_is_remarked(lever):
    said = f"this is {lever:g} %: a fifth more is written 20, and half as much again 50"
    assert remarks([action("a", lever=lever)]) == [said]


@pytest.mark.parametrize("lever", [0, 1, 20, -100, 12.5])
def test_a_percentage_that_looks_like_one_is_not(lever):
    assert remarks([action("a", lever=lever)]) == []


def test_a_row_of_the_spreadsheet_is_remarked_too():
    table = b"action_id,lever,value,per_day,from,to,owner\na,0.3,,,,,Sales\n"
    found = load({**files(actions=[action("a")]), "levers.csv": table}).diagnostics
    assert [(one.file, one.line, one.column) for one in found] == [("levers.csv", 2, 3)]


@pytest.mark.parametrize(
    ("amount", "remarked"), [("10.000", True), ("10000", False), ("0.125", False)]
)
def test_a_point_for_thousands_is_remarked(amount, remarked):
    budget = {"amount": 77, "currency": "EUR", "cost_each": 0.1}
    book = files(actions=[action("a", caps={"budget": budget})])
    text = book["actions/all.yaml"].decode().replace("77", amount)
    found = load({**book, "actions/all.yaml": text.encode()}).diagnostics
    said = [f"{amount} is 10: write 10000 if thousands are meant"] if remarked else []
    assert [one.message for one in found] == said


@pytest.mark.parametrize("hole", ["[customer.age]", "<<customer.age>>", "%customer.age%"])
def test_an_attribute_in_the_brackets_of_mail_merge_is_a_mistake(hole):
    treatment = {**TREATMENT, "texts": {"headline": f"Now {hole}"}}
    said = f"this shows {hole} as it stands: write {{customer.age}}"
    assert remarks([action("a", treatments=[treatment])]) == [said]


def test_brackets_around_anything_else_are_text():
    treatment = {**TREATMENT, "texts": {"headline": "Now [50 % off] <today>"}}
    assert remarks([action("a", treatments=[treatment])]) == []
