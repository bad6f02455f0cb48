from collections import Counter

from engine.demo.population import Person, population
from engine.rulebook.book import Kind, RuleBook
from tests.demo.conftest import NOW


def test_a_seed_is_a_population() -> None:
    assert population(50, 3, NOW) == population(50, 3, NOW)
    assert population(50, 3, NOW) != population(50, 4, NOW)


KINDS: dict[Kind, type | tuple[type, ...]] = {
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.DOUBLE: float,
    Kind.STRING: str,
    Kind.TIMESTAMP: int,
    Kind.LIST: list,
}


def test_profiles_are_what_the_book_declares(people: list[Person], book: RuleBook) -> None:
    for person in people:
        for name, value in person.attributes.items():
            attribute = book.attributes[book.index[name]]
            assert isinstance(value, KINDS[attribute.type.kind]), name
            if attribute.values:
                assert set(value if isinstance(value, list) else [value]) <= set(attribute.values)
            if attribute.range:
                low, high = attribute.range
                assert isinstance(value, int | float)
                assert low <= value <= high, name


def test_people_are_of_many_kinds(people: list[Person]) -> None:
    for name, least in (
        ("telco.plan", 6),
        ("telco.internet", 3),
        ("telco.contract", 3),
        ("customer.stage", 4),
        ("customer.segment", 3),
        ("telco.payment_method", 4),
    ):
        kinds = Counter(person.attributes.get(name) for person in people)
        kinds.pop(None, None)
        assert len(kinds) >= least, name
        assert max(kinds.values()) < 0.9 * len(people), name


def test_what_does_not_apply_is_absent(people: list[Person]) -> None:
    for person in people:
        said = person.attributes
        assert ("telco.topup_month" in said) == (said.get("telco.plan") == "prepaid")
        assert ("telco.contract_end" in said) == (said["telco.contract"] != "month_to_month")
        assert None not in said.values()
