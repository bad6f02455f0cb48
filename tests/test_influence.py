"""What a customer once said raises or lowers C for a time: the sum of what each influencer declares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arbitration import Arbiter
from engine.influence import Influences
from engine.model import DAY, ActionId, Customer, CustomerId, DecisionId, PlacementId, Touch
from engine.rulebook.book import RuleBook
from tests.builders import NOW, customer, decide, question, trace_of
from tests.rulebook.builders import action, book

OUTCOMES = {"impression": 0, "later": 0.1, "reject": 0}
LATER = {"on": "later", "scope": "action", "weight": 40, "after": "14d", "grows_over": "7d"}


def influenced(**influencers: dict[str, object]) -> RuleBook:
    return book(
        policies={"outcomes": OUTCOMES, "arbitration": {"influencers": influencers}},
        actions=[action("a"), action("b"), action("c", group="save")],
    )


def who(*said: tuple[str, str, float], channel: str = "web") -> Customer:
    """A customer who gave these outcomes to these actions so many days ago."""
    found = customer()
    for n, (action_id, outcome, days) in enumerate(said):
        moment = NOW - int(days * DAY)
        found.touches.append(
            Touch(
                DecisionId(f"d{n}"),
                ActionId(action_id),
                channel,
                PlacementId("web.hero"),
                moment,
                {outcome: (moment, 0.0)},
            )
        )
        found.last[outcome] = max(moment, found.last.get(outcome, moment))
    return found


def pull(rules: RuleBook, someone: Customer) -> list[float] | None:
    found = Influences(rules).pull(someone, NOW)
    return None if found is None else found.tolist()


@pytest.mark.parametrize(
    ("days", "percent"),
    [(13.9, None), (17.5, 20), (21, 40), (50, 40), (51, 40), (66, 20), (81, None)],
)
def test_it_waits_grows_lasts_and_fades(days: float, percent: float | None) -> None:
    rules = influenced(later={**LATER, "lasts": "30d", "fades_over": "30d"})
    expected = None if percent is None else [pytest.approx(percent), 0, 0]
    assert pull(rules, who(("a", "later", days))) == expected


def test_the_last_outcome_counts_and_others_do_not() -> None:
    rules = influenced(later={**LATER, "lasts": "always"})
    assert pull(rules, who(("a", "later", 100), ("a", "later", 3))) is None
    assert pull(rules, who(("a", "reject", 100))) is None
    assert pull(rules, who(("gone", "later", 100))) is None


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("action", [40, 0, 0]), ("group", [40, 40, 0]), ("issue", [40, 40, 0])],
)
def test_whose_outcomes_count(scope: str, expected: list[float]) -> None:
    rules = influenced(later={"on": "later", "scope": scope, "weight": 40, "lasts": "9d"})
    assert pull(rules, who(("a", "later", 8))) == expected


def test_whose_priority_moves_and_where() -> None:
    moved = {"on": "later", "scope": "group", "weight": 40, "lasts": "9d", "action": "b"}
    assert pull(influenced(later=moved), who(("a", "later", 8))) == [0, 40, 0]
    on_app = influenced(later={**moved, "channels": ["app"]})
    assert pull(on_app, who(("a", "later", 8))) is None
    assert pull(on_app, who(("a", "later", 8), channel="app")) == [0, 40, 0]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["later", "reject"]), st.integers(0, 40)),
        max_size=6,
    )
)
def test_several_add_up(said: list[tuple[str, str, int]]) -> None:
    rules = influenced(
        later={"on": "later", "scope": "action", "weight": 40, "after": "10d", "lasts": "9d"},
        no={"on": "reject", "scope": "group", "weight": -30, "lasts": "20d"},
    )
    group = {"a": "bundles", "b": "bundles", "c": "save"}
    expected = []
    for one in "abc":
        own = [days for name, what, days in said if (name, what) == (one, "later")]
        others = [
            days for name, what, days in said if group[name] == group[one] and what == "reject"
        ]
        later = 40 if own and 10 <= min(own) < 19 else 0
        expected.append(later + (-30 if others and min(others) < 20 else 0))
    found = pull(rules, who(*said))
    assert (found or [0, 0, 0]) == expected


def test_it_enters_c_which_is_never_negative() -> None:
    rules = influenced(
        no={"on": "reject", "scope": "action", "weight": -80, "lasts": "9d"},
        never={"on": "reject", "scope": "action", "weight": -80, "lasts": "always"},
    )
    arbiter, percent = Arbiter(rules), Influences(rules).pull(who(("a", "reject", 1)), NOW)
    truths = [False] * len(rules.conditions)
    assert arbiter.merit(truths, [], NOW, percent).context.tolist() == [0, 1, 1]
    assert arbiter.merit(truths, [], NOW).context.tolist() == [1, 1, 1]


def test_a_decision_follows_it_and_its_trace_shows_it_apart() -> None:
    rules = influenced(
        later={"on": "later", "scope": "action", "weight": 40, "after": "14d", "lasts": "30d"}
    )
    asked = question("web.hero", explain=True, max_offers=1)
    someone = who(("b", "later", 16.5))
    told = {c.action_id: c for c in trace_of(decide(rules, asked, someone)).candidates}
    factors = told[ActionId("b")].factors
    assert factors is not None
    assert factors.context == pytest.approx(1.4)
    assert told[ActionId("b")].notes == (
        "later adds +40 % to C: the last later to it was 16d 12h ago",
    )
    assert told[ActionId("a")].notes == ()


def test_without_c_nothing_is_influenced() -> None:
    arbitration = {
        "priority": "P * V",
        "influencers": {"later": {"on": "later", "scope": "action", "weight": 40, "lasts": "30d"}},
    }
    rules = book(policies={"outcomes": OUTCOMES, "arbitration": arbitration}, actions=[action("a")])
    assert pull(rules, who(("a", "later", 1))) is None


def test_somebody_without_a_past() -> None:
    rules = influenced(later={**LATER, "lasts": "always"})
    assert pull(rules, Customer(CustomerId("new"))) is None
