"""Slots one by one where a choice may close something, at once where nothing can; the same either way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arbitration import Candidates
from engine.exploration.chance import Chance
from engine.limits.limits import Limits
from engine.model import Reason, Stage
from engine.placement import fill
from engine.rulebook.book import Exploration

SQUARECB = Exploration("squarecb", gamma=10.0)


class AtMost:
    """At most `most` offers of a family; a treatment's family is `treatment % families`."""

    stage = Stage.CAPS_AND_BUDGETS

    def __init__(self, families, most, *, cautious=False):
        self.families, self.most, self.cautious = families, most, cautious
        self.counts = [0] * families

    def open_to(self, treatments):
        return [t for t in treatments if self.counts[t % self.families] < self.most]

    def steady(self, picks):
        return not self.cautious and max(self.counts) + picks < self.most

    def chosen(self, treatment):
        self.counts[treatment % self.families] += 1

    def reasons(self, treatment):
        if self.open_to([treatment]):
            return ()
        return (Reason(self.stage, "at_most", False, "enough of it", "", {}),)


def candidates(priorities):
    count = len(priorities)
    order = np.arange(count)
    return Candidates(order + 100, order, np.array(priorities, dtype=float), order)


def filled(priorities, slots, limit, seed=1, mandatory=(), *, telling=False):
    limits = Limits([limit] if limit else (), telling=telling)
    chosen = fill(
        candidates(priorities),
        mandatory,
        slots,
        SQUARECB,
        chance=Chance(seed),
        greedy=False,
        lessons=0,
        limits=limits,
    )
    return chosen, limits


@given(st.lists(st.floats(0, 10), max_size=8), st.integers(0, 6), st.integers(0, 2**64 - 1))
def test_one_by_one_and_all_at_once_are_the_same_where_nothing_closes(priorities, slots, seed):
    at_once, _ = filled(priorities, slots, None, seed)
    one_by_one, _ = filled(priorities, slots, AtMost(1, 100, cautious=True), seed)
    assert [t for t, *_ in one_by_one] == [t for t, *_ in at_once]
    assert [p for _, p, _ in one_by_one] == pytest.approx([p for _, p, _ in at_once])


@given(
    st.lists(st.floats(0, 10), max_size=8),
    st.integers(0, 6),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 2**64 - 1),
)
def test_what_an_answer_holds_counts_for_its_later_slots(priorities, slots, families, most, seed):
    chosen, _ = filled(priorities, slots, AtMost(families, most), seed)
    shown = [treatment for treatment, *_ in chosen]
    room = sum(
        min(most, sum((100 + i) % families == family for i in range(len(priorities))))
        for family in range(families)
    )
    assert len(shown) == len(set(shown)) == min(slots, room)
    assert all(sum(t % families == f for t in shown) <= most for f in range(families))


def test_a_probability_is_the_one_among_what_was_still_open():
    """With the first choice its family is closed: of three candidates one is left, and certain."""
    for seed in range(20):
        chosen, _ = filled([3.0, 1.0, 2.0], 2, AtMost(2, 1), seed)
        first = chosen[0][0]
        rest = [t for t in (100, 101, 102) if t % 2 != first % 2]
        if len(rest) == 1:
            assert chosen[1] == (rest[0], 1.0, "")
        else:
            assert 0.0 < chosen[1][1] < 1.0


def test_what_leads_counts_too():
    chosen, _ = filled([3.0, 2.0], 3, AtMost(2, 1), mandatory=[50])
    assert chosen == [(50, 1.0, ""), (101, 1.0, "")]


def test_what_is_closed_between_slots_is_told_with_its_reason():
    chosen, limits = filled([3.0, 3.0, 3.0], 3, AtMost(1, 1), telling=True)
    shown = {treatment for treatment, *_ in chosen}
    assert set(limits.told) == {100, 101, 102} - shown
    assert {r.code for reasons in limits.told.values() for r in reasons} == {"at_most"}
