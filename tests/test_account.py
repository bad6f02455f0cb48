"""For one customer and every action: why it is out, and the smallest change that lets it in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.account import Account, Accountant
from engine.customer import Knowledge
from engine.model import Customer, Value
from engine.rulebook.load import Loaded, load
from tests.builders import NOW, customer, question
from tests.rulebook.builders import ACTIONS, action, files


def loaded(*actions: dict[str, Any], **changes: Any) -> Loaded:
    found = load(files(actions=actions or ACTIONS, **changes))
    assert found.book is not None, found.diagnostics
    return found


def accounts(
    found: Loaded, who: Customer | None = None, *placements: str, **rest: Any
) -> dict[str, Account]:
    assert found.book is not None
    told = Accountant(found.book, found.expressions).account(
        question(*placements, **rest), who or customer(), NOW
    )
    return {account.action_id: account for account in told}


def said(account: Account) -> list[str] | None:
    return None if account.changes is None else [str(change) for change in account.changes]


def test_every_action_is_accounted_for() -> None:
    told = accounts(loaded())
    assert [(a.action_id, a.rank, a.changes) for a in told.values()] == [
        ("stay", 1, ()),
        ("data_5gb", 2, ()),
    ]
    assert all(account.factors and not account.obstacles for account in told.values())


def test_each_reason_has_its_own_change_and_the_whole_has_all() -> None:
    told = accounts(loaded(), customer(customer_age=17, consent_marketing=False))["data_5gb"]
    assert [(o.reason.code, [str(c) for c in o.changes or ()]) for o in told.obstacles] == [
        ("eligible_when.adult", ["customer.age is 17, needs 18 or more"]),
        ("applicable_when.consent", ["consent.marketing is false, needs true"]),
    ]
    assert said(told) == [
        "customer.age is 17, needs 18 or more",
        "consent.marketing is false, needs true",
    ]


def test_a_change_may_not_break_what_holds() -> None:
    rules = loaded(
        action(
            "a",
            eligible_when={"far": "customer.age > 50 || customer.segment == 'vip'"},
            suitable_when={"young": "customer.age < 50"},
        )
    )
    told = accounts(rules)["a"]
    assert [str(c) for o in told.obstacles for c in o.changes or ()] == [
        "customer.age is 40, needs 51 or more"
    ]
    assert said(told) == ['customer.segment is "mass", needs "vip"']


def test_the_treatment_that_is_nearest_is_let_in() -> None:
    treatments = [
        {
            "id": "a.old",
            "placement": "web.hero",
            "when": "customer.age > 60 && customer.segment == 'vip'",
            "texts": {"headline": "a"},
        },
        {
            "id": "a.named",
            "placement": "web.hero",
            "texts": {"headline": "Hello {customer.name}"},
        },
    ]
    told = accounts(loaded(action("a", treatments=treatments)))["a"]
    assert said(told) == ["customer.name is null, needs any value"]


def test_what_is_not_valid_yet_needs_time_and_what_is_over_cannot_be_helped() -> None:
    rules = loaded(
        action(
            "later",
            valid={"from": "2027-05-01"},
            eligible_when={"vip": "customer.segment == 'vip'"},
        ),
        action("over", valid={"from": "2020-01-01", "to": "2020-12-31"}),
    )
    told = accounts(rules)
    assert said(told["later"]) == [
        "now is 2026-11-18T11:06:40Z, needs 2027-05-01T00:00:00Z or later",
        'customer.segment is "mass", needs "vip"',
    ]
    assert said(told["over"]) is None
    assert told["over"].obstacles[0].changes is None


def test_no_change_makes_a_treatment() -> None:
    treatment = {"id": "a.ivr", "placement": "ivr.prompt", "texts": {"prompt": "Hello"}}
    told = accounts(loaded(action("a", treatments=[treatment])))["a"]
    assert [o.reason.code for o in told.obstacles] == ["availability.no_treatment"]
    assert said(told) is None


def test_the_placement_is_given_and_not_to_be_changed() -> None:
    treatments = [
        {"id": "a.web", "placement": "web.hero", "texts": {"headline": "A"}},
        {"id": "a.ivr", "placement": "ivr.prompt", "texts": {"prompt": "A"}},
    ]
    by_phone = {"by_phone": 'request.channel == "ivr"'}
    rules = loaded(action("a", applicable_when=by_phone, treatments=treatments))
    told = accounts(rules)["a"]
    assert said(told) is None
    assert [str(c) for o in told.obstacles for c in o.changes or ()] == [
        'request.channel is "web", needs "ivr"'
    ]


def test_who_is_outranked_has_passed_all_rules() -> None:
    rules = loaded(action("a", value=2), action("b", value=1))
    told = accounts(rules, max_offers=1)["b"]
    assert [o.reason.code for o in told.obstacles] == ["arbitration.outranked"]
    assert (told.rank, told.changes) == (0, ())


def test_one_action_only() -> None:
    found = loaded()
    assert found.book is not None
    accountant = Accountant(found.book, found.expressions)
    told = accountant.account(question(), customer(), NOW, found.book.actions[1].action_id)
    assert [account.action_id for account in told] == ["stay"]


CONDITIONS = st.sampled_from(
    [
        "customer.age >= 18",
        "customer.age < 41",
        "customer.segment != 'mass'",
        "customer.complaint_open || customer.age > 30",
        "request.reason == 'cancel'",
        "telco.data_used_pct * 1.5 > 90.0",
        "telco.contract_end > now && telco.contract_end < now + days(60)",
        "'app' in consent.channels && !customer.complaint_open",
    ]
)


@given(
    st.lists(CONDITIONS, min_size=1, max_size=5, unique=True),
    st.integers(0, 130),
    st.sampled_from([True, False, None]),
)
def test_whatever_is_proposed_lets_the_action_in(
    texts: list[str], age: int, consent: bool | None
) -> None:
    conditions = {f"c{n}": text for n, text in enumerate(texts)}
    found = loaded(action("a", eligible_when=conditions))
    book = found.book
    assert book is not None
    who = customer(customer_age=age)
    if consent is None:
        del who.attributes["consent.marketing"]
    else:
        who.attributes["consent.marketing"] = consent
    told = accounts(found, who)["a"]
    values: list[Value] = Knowledge(book).values(who, question(), NOW)
    for change in told.changes or ():
        values[change.attribute.index] = change.after
    (select,) = [f for p, f in book.select_for.items() if p == "web.hero"]
    if told.changes is not None:
        assert select(book.conditions_of(values), values, NOW) == [0]


def test_who_is_held_out_waits_for_the_lots_to_be_drawn_again() -> None:
    held = {"nobody_asked": {"share": 1, "period": "month", "salt": "s"}}
    told = accounts(loaded(policies={"holdouts": held}))["stay"]
    assert [o.reason.code for o in told.obstacles] == ["holdout.nobody_asked"]
    [[change]] = [obstacle.changes or () for obstacle in told.obstacles]
    assert str(change).endswith("2026-12-01T00:00:00Z or later")
