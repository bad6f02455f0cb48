import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide import Decider
from engine.exploration.allowance import Allowance, Meter
from engine.exploration.chance import Chance
from engine.exploration.choice import drawing
from engine.model import DAY, HOUR, Decision
from engine.rulebook.book import Exploration, RuleBook
from tests.builders import NOW, FixedModel, customer, decide, question, trace_of
from tests.rulebook.builders import action, book


def limited(most: float, **rest: object) -> RuleBook:
    exploration = {"policy": "squarecb", "gamma": 0, "give_up_per_day": most, **rest}
    return book(
        actions=[action("a", value=30), action("b", value=10), action("c", value=20)],
        policies={"arbitration": {"exploration": exploration}},
    )


def by(rules: RuleBook, allowance: Allowance) -> Decider:
    return Decider(rules, FixedModel(rules), lambda: 0.0, allowance=allowance)


def committed(decider: Decider, seed: int, **asked: object) -> Decision:
    made = decide(decider.book, question(**asked), seed=seed, by=decider)
    decider.commit(made)
    return made


def given_up(made: Decision) -> float:
    """What a decision of two slots among a, b and c gave up, from what it shows alone."""
    worth, total = {"a": 3.0, "b": 1.0, "c": 2.0}, 0.0
    for offer in made.placements[0].offers:
        total += max(worth.values()) - worth.pop(offer.action_id)
    return total


def test_a_decision_knows_what_it_gave_up_and_the_day_adds_it_up() -> None:
    decider, total = by(limited(1_000), Allowance()), 0.0
    for seed in range(20):
        made = committed(decider, seed)
        assert made.given_up == pytest.approx(given_up(made))
        total += made.given_up
        assert made.given_up_today == pytest.approx(total)
    assert total > 0.0


@pytest.mark.parametrize("most", [0, 3, 10, 25.5])
def test_never_more_is_given_up_in_a_day_than_the_book_allows(most: float) -> None:
    decider = by(limited(most), Allowance())
    made = [committed(decider, seed) for seed in range(60)]
    assert made[-1].given_up_today <= most
    assert [o.action_id for o in made[-1].placements[0].offers] == ["a", "c"]
    assert {o.probability for o in made[-1].placements[0].offers} == {1.0}
    assert most < 4 or made[-1].given_up_today > 0.0


def test_what_is_only_asked_for_gives_nothing_up() -> None:
    decider = by(limited(1_000), Allowance())
    for seed in range(20):
        decide(decider.book, seed=seed, by=decider)
    assert committed(decider, 3).given_up_today <= 4.0


def test_the_next_day_begins_anew_and_a_clock_set_back_does_not() -> None:
    allowance = Allowance()
    allowance.spend(NOW, "UTC", 7.0)
    assert allowance.given_up(NOW - 2 * DAY, "UTC") == 7.0
    assert allowance.given_up(NOW + DAY, "UTC") == 0.0


def test_a_day_is_one_of_the_books_time_zone() -> None:
    midnight = NOW - NOW % DAY
    allowance = Allowance()
    allowance.spend(midnight - HOUR // 2, "Europe/Berlin", 7.0)
    assert allowance.given_up(midnight, "Europe/Berlin") == 7.0
    assert allowance.given_up(midnight + 23 * HOUR, "Europe/Berlin") == 0.0


def test_what_cannot_be_told_closes_the_day() -> None:
    allowance = Allowance()
    allowance.close(NOW, "UTC")
    decider = by(limited(1_000_000), allowance)
    assert {committed(decider, seed).given_up for seed in range(30)} == {0.0}


def test_it_goes_on_from_the_last_decision_of_the_day() -> None:
    before = by(limited(1_000), Allowance())
    *_, last = [committed(before, seed) for seed in range(9)]
    allowance = Allowance()
    allowance.restore(last, NOW + HOUR, "UTC")
    assert allowance.given_up(NOW + HOUR, "UTC") == last.given_up_today > 0.0
    allowance = Allowance()
    allowance.restore(last, NOW + DAY, "UTC")
    assert allowance.given_up(NOW + DAY, "UTC") == 0.0


def test_without_the_model_nothing_is_tried_out() -> None:
    decider = by(limited(1_000), Allowance())
    decider._score_pace.took(1.0)
    late = [decide(decider.book, seed=seed, left=0.01, by=decider) for seed in range(20)]
    assert all(made.degraded for made in late)
    assert {made.placements[0].offers[0].action_id for made in late} == {"a"}


def test_what_is_shown_together_counts_together() -> None:
    meter = Meter(10.0)
    priorities = np.array([6.0, 5.0])
    assert meter.covers(priorities, 1, together=False)
    assert not meter.covers(priorities, 1, together=True)


def test_explanations_say_why_nothing_was_tried_out() -> None:
    calm = limited(0)
    first, *others = trace_of(decide(calm, question(explain=True, max_offers=1))).candidates
    assert first.notes == ("no exploration: only 0 may still be given up today",)
    assert all(not other.notes for other in others)
    fragile = limited(100, none_when="customer.age > 60")
    asked = question(explain=True, max_offers=1)
    told = trace_of(decide(fragile, asked, customer(customer_age=70))).candidates
    assert told[0].notes == ("no exploration: customer.age > 60 (none_when)",)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(0, 1_000),
    st.sampled_from(["squarecb", "epsilon"]),
)
def test_no_choice_gives_up_more_than_was_checked_for(
    priorities: list[float], slots: int, seed: int, policy: str
) -> None:
    worths = np.array(priorities)
    exploration = Exploration(policy, gamma=0.0, epsilon=1.0)
    meter = Meter(60.0)
    covered = meter.covers(worths, slots, together=False)

    draw = drawing(exploration, Chance(seed), greedy=not covered, lessons=0, doubt=None)
    order = np.arange(len(worths))
    meter.metered(draw)(worths, slots, order, order)
    assert 0.0 <= meter.given_up <= 60.0 + 1e-9
